namespace Aether.Domain.Commands;

/// <summary>How far a command is. All but the first two are ends.</summary>
public enum CommandStatus
{
    /// <summary>It runs.</summary>
    InProgress,

    /// <summary>A batch has ended, and the next one waits to be resumed.</summary>
    Paused,

    /// <summary>As many members as required have succeeded.</summary>
    Succeeded,

    /// <summary>Some have, and too few.</summary>
    Incomplete,

    /// <summary>None has.</summary>
    Failed,

    /// <summary>Somebody canceled it.</summary>
    Canceled,

    /// <summary>Too many members failed.</summary>
    Aborted,

    /// <summary>Its deadline came first.</summary>
    TimedOut,
}

/// <summary>Why a command is paused or has ended as it did, where the status alone does not tell.</summary>
public enum CommandReason
{
    /// <summary>There is no more to say.</summary>
    None,

    /// <summary>Each batch waits.</summary>
    BatchEnded,

    /// <summary>Too few of the batch succeeded.</summary>
    TooFewSucceeded,

    /// <summary>As many as required succeeded, and the rest was canceled.</summary>
    QuorumReached,

    /// <summary>More failed than may.</summary>
    TooManyFailed,

    /// <summary>It was asked for.</summary>
    Requested,

    /// <summary>Its time was over.</summary>
    DeadlineOver,
}

/// <summary>How statuses and reasons are spelled.</summary>
public static class CommandStatusNames
{
    private static readonly string[] Statuses =
        ["in_progress", "paused", "succeeded", "incomplete", "failed", "canceled", "aborted", "timed_out"];

    private static readonly string?[] Reasons =
        [null, "batch_ended", "too_few_succeeded", "quorum_reached", "too_many_failed", "requested", "deadline"];

    /// <summary>Whether nothing changes any more.</summary>
    public static bool IsEnded(this CommandStatus status) => status > CommandStatus.Paused;

    /// <summary>The status on the wire.</summary>
    public static string ToWire(this CommandStatus status) => Statuses[(int)status];

    /// <summary>The reason on the wire; <see langword="null"/>: none.</summary>
    public static string? ToWire(this CommandReason reason) => Reasons[(int)reason];

    /// <summary>Finds a status by its name on the wire.</summary>
    public static bool TryParse(string? name, out CommandStatus status)
    {
        int found = Array.IndexOf(Statuses, name);
        status = (CommandStatus)Math.Max(0, found);
        return found >= 0;
    }
}
