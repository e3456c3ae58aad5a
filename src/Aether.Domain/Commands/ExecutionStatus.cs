namespace Aether.Domain.Commands;

/// <summary>How far one member is with a command. All from <see cref="Succeeded"/> on are ends.</summary>
public enum ExecutionStatus
{
    /// <summary>Its turn has not come.</summary>
    Queued,

    /// <summary>It has its turn, and has not said yet that it took it.</summary>
    Sent,

    /// <summary>It took it.</summary>
    InProgress,

    /// <summary>It says that it is done.</summary>
    Succeeded,

    /// <summary>It says that it could not do it.</summary>
    Failed,

    /// <summary>It says that it will not do it.</summary>
    Rejected,

    /// <summary>It said nothing for too long, or the command's time was over.</summary>
    TimedOut,

    /// <summary>It was called off.</summary>
    Canceled,

    /// <summary>It was not taken in time. No failure: nobody has tried.</summary>
    Undeliverable,
}

/// <summary>What statuses mean, and how they are spelled.</summary>
public static class ExecutionStatusNames
{
    private static readonly string[] Names =
    [
        "queued", "sent", "in_progress", "succeeded", "failed", "rejected", "timed_out", "canceled", "undeliverable",
    ];

    /// <summary>Whether the member has had its turn and has not ended.</summary>
    public static bool IsOpen(this ExecutionStatus status) => status is ExecutionStatus.Sent or ExecutionStatus.InProgress;

    /// <summary>Whether it is an end.</summary>
    public static bool IsEnded(this ExecutionStatus status) => status > ExecutionStatus.InProgress;

    /// <summary>Whether it is an end that gives way to the member's own word, since the server had to guess.</summary>
    public static bool IsGuess(this ExecutionStatus status) =>
        status is ExecutionStatus.TimedOut or ExecutionStatus.Undeliverable;

    /// <summary>Whether a member can say it of itself.</summary>
    public static bool CanBeSaid(this ExecutionStatus status) => status is ExecutionStatus.InProgress
        or ExecutionStatus.Succeeded or ExecutionStatus.Failed or ExecutionStatus.Rejected or ExecutionStatus.Canceled;

    /// <summary>The status on the wire.</summary>
    public static string ToWire(this ExecutionStatus status) => Names[(int)status];

    /// <summary>Finds a status by its name on the wire.</summary>
    public static bool TryParse(string? name, out ExecutionStatus status)
    {
        int found = Array.IndexOf(Names, name);
        status = (ExecutionStatus)Math.Max(0, found);
        return found >= 0;
    }
}
