using Aether.Domain;

namespace Aether.Application;

/// <summary>Why a command was not carried out: an expected failure, as a value.</summary>
/// <param name="Code">The reason as a program reads it.</param>
/// <param name="Text">
/// The reason as a person reads it. Holds nothing that a sender wrote, and nothing of the inside.
/// </param>
/// <param name="Field">The field that is wrong, if it is one.</param>
/// <param name="RetryAfter">When to try again, if that is known.</param>
public sealed record Rejection(ErrorCode Code, string Text, string? Field = null, TimeSpan? RetryAfter = null)
{
    /// <summary>The backplane cannot be reached.</summary>
    public static Rejection BackplaneUnavailable { get; } = new(
        ErrorCode.BackplaneUnavailable,
        "the backplane cannot be reached; nothing was sent",
        RetryAfter: TimeSpan.FromSeconds(1));

    /// <summary>Nobody has a connection of the receiver.</summary>
    public static Rejection RecipientOffline { get; } = new(
        ErrorCode.RecipientOffline, "the client is not connected", "to_id");

    /// <summary>Who is present cannot be read now.</summary>
    public static Rejection PresenceUnavailable { get; } = new(
        ErrorCode.BackplaneUnavailable, "the backplane cannot be reached; nobody knows who is present",
        RetryAfter: TimeSpan.FromSeconds(1));

    /// <summary>The client has no connection in the group.</summary>
    public static Rejection NotPresent { get; } = new(
        ErrorCode.RecipientOffline, "the client is not present in this group", "client_id");

    /// <summary>Something of the server's own went wrong.</summary>
    public static Rejection Internal { get; } = new(ErrorCode.Internal, "server fault; the message was not sent");
}

/// <summary>A result that can say no: what lets one behaviour reject every command.</summary>
/// <typeparam name="TSelf">The result.</typeparam>
public interface IRejectable<TSelf>
    where TSelf : IRejectable<TSelf>
{
    /// <summary>The result that says no.</summary>
    static abstract TSelf Rejected(Rejection rejection);
}

/// <summary>What became of one command.</summary>
public sealed class Outcome : IRejectable<Outcome>
{
    private Outcome()
    {
    }

    /// <summary>It was carried out, and there was nothing to publish.</summary>
    public static Outcome Done { get; } = new();

    /// <summary>Why it was not carried out; <see langword="null"/> if it was.</summary>
    public Rejection? Rejection { get; private init; }

    /// <summary>How many instances heard what was published.</summary>
    public int Instances { get; private init; }

    /// <summary>A message for the sending connection alone.</summary>
    public Message? Reply { get; private init; }

    /// <summary>It was not carried out.</summary>
    public static Outcome Rejected(Rejection rejection) => new() { Rejection = rejection };

    /// <summary>It was published, and so many instances heard it.</summary>
    public static Outcome Published(int instances) => new() { Instances = instances };

    /// <summary>It is answered to the connection that sent it.</summary>
    public static Outcome Answered(Message reply) => new() { Reply = reply, Instances = 1 };
}
