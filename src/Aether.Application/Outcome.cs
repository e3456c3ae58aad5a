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
    /// <summary>
    /// Whether it is told and nothing more, since the message itself was a valid one: what is wrong is what it asks for.
    /// </summary>
    public bool IsForgiven { get; init; }

    /// <summary>Who holds what was asked for; empty: nobody does, or it is none of that.</summary>
    internal VisionId Holder { get; init; }

    /// <summary>Nobody has a connection of the receiver.</summary>
    public static Rejection RecipientOffline { get; } = new(
        ErrorCode.RecipientOffline, "the client is not connected", "to_id");

    /// <summary>Who is present cannot be read now.</summary>
    public static Rejection PresenceUnavailable { get; } = new(
        ErrorCode.BackplaneUnavailable, "who is present cannot be read from the backplane now",
        RetryAfter: TimeSpan.FromSeconds(1));

    /// <summary>Whether a message was kept is not known.</summary>
    public static Rejection KeepingUnknown { get; } = new(
        ErrorCode.BackplaneUnavailable,
        "the backplane did not answer; the message may have been kept, send it again with the same id",
        RetryAfter: TimeSpan.FromSeconds(1));

    /// <summary>What is kept cannot be read now.</summary>
    public static Rejection HistoryUnavailable { get; } = new(
        ErrorCode.BackplaneUnavailable, "what is kept cannot be read from the backplane now",
        RetryAfter: TimeSpan.FromSeconds(1));

    /// <summary>The client has no connection in the group.</summary>
    public static Rejection NotPresent { get; } = new(
        ErrorCode.RecipientOffline, "the client is not present in this group", "client_id");

    /// <summary>The sender does not hold the lease that the message names.</summary>
    public static Rejection StaleTerm { get; } = new(
        ErrorCode.StaleTerm, "the sender does not hold this lease in this term", "lease")
    {
        IsForgiven = true,
    };

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

/// <summary>What an answer makes of the connection that asked, for as long as that is open.</summary>
internal abstract record ConnectionTie;

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

    /// <summary>As how many messages more the command counts for its sender.</summary>
    public int Cost { get; private init; }

    /// <summary>A message for the sending connection alone.</summary>
    public Message? Reply
    {
        get => reply is TiedReply tied ? tied.Message : (Message?)reply;
        private init => reply = value;
    }

    /// <summary>Where it is kept; for a duplicate, where the first is. Empty: it is not.</summary>
    public Position Position { get; private init; }

    /// <summary>Whether the same message was kept before, and so not published again.</summary>
    public bool IsDuplicate { get; private init; }

    /// <summary>Whether the reply is all there is to say, and no ack goes beside it.</summary>
    public bool IsAnswer { get; private init; }

    /// <summary>What it makes of the connection that asked.</summary>
    internal ConnectionTie? Tie => (reply as TiedReply)?.Tie;

    /// <summary>It was not carried out.</summary>
    public static Outcome Rejected(Rejection rejection) => new() { Rejection = rejection };

    /// <summary>It was published, and so many instances heard it.</summary>
    public static Outcome Published(int instances) => new() { Instances = instances };

    /// <summary>It was kept and published, and so many instances heard it.</summary>
    public static Outcome Kept(int instances, Position position) =>
        new() { Instances = instances, Position = position };

    /// <summary>The same message came before, and is kept there.</summary>
    public static Outcome Duplicate(Position position) => new() { Position = position, IsDuplicate = true };

    /// <summary>The server was asked, and this is its answer.</summary>
    public static Outcome Answer(Message reply, int cost = 0) =>
        new() { Reply = reply, IsAnswer = true, Cost = cost };

    /// <summary>The same answer or refusal, which makes this of the connection that asked.</summary>
    internal Outcome With(ConnectionTie tie) =>
        new() { Rejection = Rejection, reply = new TiedReply(Reply, tie), IsAnswer = IsAnswer, Cost = Cost };

    /// <summary>It is answered to the connection that sent it.</summary>
    public static Outcome Answered(Message reply, int cost = 0) =>
        new() { Reply = reply, Instances = 1, Cost = cost };

    // The message, or it with a tie: most outcomes have neither, and none is larger for what few have.
    private object? reply;

    private sealed record TiedReply(Message? Message, ConnectionTie Tie);
}
