namespace Aether.Domain.Commands;

/// <summary>How many of a command's members are how far. They add up to its targets.</summary>
public readonly record struct ExecutionCounts(
    int Queued,
    int Sent,
    int InProgress,
    int Succeeded,
    int Failed,
    int Rejected,
    int TimedOut,
    int Canceled,
    int Undeliverable)
{
    /// <summary>All of them.</summary>
    public int Total => Queued + Open + Executed + Undeliverable;

    /// <summary>Those that have had their turn and have not ended.</summary>
    public int Open => Sent + InProgress;

    /// <summary>Those that tried and did not succeed: what counts towards the abort.</summary>
    public int Failures => Failed + Rejected + TimedOut;

    /// <summary>Those that ended, except who could not be reached.</summary>
    public int Executed => Succeeded + Failures + Canceled;

    /// <summary>One less of a status.</summary>
    internal ExecutionCounts Less(ExecutionStatus status) => Add(status, -1);

    /// <summary>One more of a status.</summary>
    internal ExecutionCounts More(ExecutionStatus status) => Add(status, 1);

    private ExecutionCounts Add(ExecutionStatus status, int by) => status switch
    {
        ExecutionStatus.Queued => this with { Queued = Queued + by },
        ExecutionStatus.Sent => this with { Sent = Sent + by },
        ExecutionStatus.InProgress => this with { InProgress = InProgress + by },
        ExecutionStatus.Succeeded => this with { Succeeded = Succeeded + by },
        ExecutionStatus.Failed => this with { Failed = Failed + by },
        ExecutionStatus.Rejected => this with { Rejected = Rejected + by },
        ExecutionStatus.TimedOut => this with { TimedOut = TimedOut + by },
        ExecutionStatus.Canceled => this with { Canceled = Canceled + by },
        _ => this with { Undeliverable = Undeliverable + by },
    };
}
