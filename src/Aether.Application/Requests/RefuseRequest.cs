using Aether.Application.Messaging;
using Aether.Domain;
using MediatR;

namespace Aether.Application.Requests;

/// <summary>A client asked the server for something that it cannot answer.</summary>
/// <param name="Sender">On whose behalf.</param>
/// <param name="Message">The question.</param>
/// <param name="Rejection">Why it cannot be answered.</param>
internal sealed record RefuseRequest(Sender Sender, Message Message, Rejection Rejection) : ISendCommand;

/// <summary>Says why.</summary>
internal sealed class RefuseRequestHandler : IRequestHandler<RefuseRequest, Outcome>
{
    /// <inheritdoc/>
    public Task<Outcome> Handle(RefuseRequest request, CancellationToken cancellationToken) =>
        Task.FromResult(Outcome.Rejected(request.Rejection));
}

/// <summary>Why a request is refused. The connection stays: the message that asked was a valid one.</summary>
internal static class Refusals
{
    public static Rejection WithoutId { get; } = Of("id", "is required for what the server is asked: the answer refers to it");

    public static Rejection Unknown { get; } =
        new(ErrorCode.UnknownCommand, "the server knows no request of this name", "cmd") { IsForgiven = true };

    public static Rejection Of(string field, string rule) =>
        new(ErrorCode.InvalidMessage, rule, field) { IsForgiven = true };
}
