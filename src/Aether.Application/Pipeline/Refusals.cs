using Aether.Domain;

namespace Aether.Application.Pipeline;

/// <summary>Why a request is refused. The connection stays: the message that asked was a valid one.</summary>
internal static class Refusals
{
    public static Rejection WithoutId { get; } = Of("id", "is required for what the server is asked: the answer refers to it");

    public static Rejection Unknown { get; } =
        new(ErrorCode.UnknownCommand, "the server knows no request of this name", "cmd") { IsForgiven = true };

    public static Rejection Of(string field, string rule) =>
        new(ErrorCode.InvalidMessage, rule, field) { IsForgiven = true };

    /// <summary>The same of a field that a client has in the payload of its message.</summary>
    public static Rejection InPayload(this Rejection rejection) =>
        rejection with { Field = "payload." + rejection.Field, IsForgiven = true };
}
