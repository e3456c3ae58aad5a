namespace Aether.Domain.Commands;

/// <summary>
/// What happens to a command. An event may come twice, late, and from any instance: what it does is decided by what the
/// command is when it comes.
/// </summary>
public abstract record CommandEvent
{
    private protected CommandEvent()
    {
    }
}

/// <summary>A member said something.</summary>
/// <param name="Report">What.</param>
public sealed record MemberReported(ExecutionReport Report) : CommandEvent;

/// <summary>A connection of a member opened: the member may have missed what was sent before, or be a new one.</summary>
/// <param name="Member">Who.</param>
/// <param name="Role">What it is in the group.</param>
public sealed record MemberConnected(VisionId Member, Role Role) : CommandEvent;

/// <summary>The connection that has an execution is gone: another one of the member's may go on.</summary>
/// <param name="Index">Which execution.</param>
/// <param name="Holder">The connection.</param>
public sealed record HolderLost(int Index, string Holder) : CommandEvent;

/// <summary>What had to be sent was published.</summary>
/// <param name="Sent">Which.</param>
public sealed record SendingConfirmed(IReadOnlyList<SentAttempt> Sent) : CommandEvent;

/// <summary>That members have to stop was published.</summary>
/// <param name="Told">Which.</param>
internal sealed record CancelConfirmed(IReadOnlyList<SentAttempt> Told) : CommandEvent;

/// <summary>One attempt of one execution.</summary>
/// <param name="Index">Which execution.</param>
/// <param name="Attempt">Which attempt.</param>
public readonly record struct SentAttempt(int Index, int Attempt);

/// <summary>Time has passed: whatever is due is done.</summary>
public sealed record TimePassed : CommandEvent;

/// <summary>Somebody calls it off.</summary>
public sealed record CancelAsked : CommandEvent;

/// <summary>Somebody lets the next batch begin.</summary>
public sealed record ResumeAsked : CommandEvent;
