namespace Aether.Domain.Commands;

/// <summary>One member's part of a command. Only its <see cref="Command"/> changes it.</summary>
public sealed class Execution
{
    internal Execution(int index, VisionId member)
    {
        Index = index;
        Member = member;
    }

    /// <summary>Which one of the command's, in the order of their turns, from 0.</summary>
    public int Index { get; }

    /// <summary>Who carries it out.</summary>
    public VisionId Member { get; }

    /// <summary>How far it is.</summary>
    public ExecutionStatus Status { get; internal set; }

    /// <summary>How often the member was asked; 0: its turn has not come.</summary>
    public int Attempt { get; internal set; }

    /// <summary>The connection that has it: nobody else may speak of this attempt.</summary>
    public string? Holder { get; internal set; }

    /// <summary>The last that the member said while it was in progress; empty: nothing.</summary>
    public ReadOnlyMemory<byte> Progress { get; internal set; }

    /// <summary>What came of it; empty: nothing was said.</summary>
    public ReadOnlyMemory<byte> Result { get; internal set; }

    /// <summary>What went wrong, the last time that something did.</summary>
    public ExecutionError? Error { get; internal set; }

    /// <summary>What was said too late to count.</summary>
    public LateWord? Late { get; internal set; }

    /// <summary>When it changed last, in Unix ms.</summary>
    public long UpdatedAt { get; internal set; }

    /// <summary>The command's version that its last change made.</summary>
    public long Version { get; internal set; }

    /// <summary>When the member's time is over: to take it, or to report; 0: never.</summary>
    internal long LimitAt { get; set; }

    /// <summary>
    /// When it is sent again, or said again to stop, unless that is confirmed as published; 0: it is.
    /// </summary>
    internal long SendAgainAt { get; set; }

    /// <summary>When something has to be done about it, as the command's timers have it; 0: never.</summary>
    internal long TimerAt { get; set; }

    /// <summary>The execution that changed last before this one did; -1: none.</summary>
    internal int Before { get; set; } = -1;

    /// <summary>The execution that changed first after this one did; -1: none.</summary>
    internal int After { get; set; } = -1;

    /// <summary>A copy that stays as it is.</summary>
    public ExecutionSummary Summarize() =>
        new(Index, Member, Status, Attempt, Progress, Result, Error, Late, UpdatedAt, Version);
}

/// <summary>How far one member was at a moment.</summary>
/// <param name="Index">Which execution of the command, from 0.</param>
/// <param name="Member">Who carries it out.</param>
/// <param name="Status">How far it is.</param>
/// <param name="Attempt">How often the member was asked.</param>
/// <param name="Progress">A JSON object in UTF-8; empty: nothing was said.</param>
/// <param name="Result">A JSON object in UTF-8; empty: nothing was said.</param>
/// <param name="Error">What went wrong.</param>
/// <param name="Late">What was said too late to count.</param>
/// <param name="UpdatedAt">When it changed last, in Unix ms.</param>
/// <param name="Version">The command's version that its last change made.</param>
public sealed record ExecutionSummary(
    int Index,
    VisionId Member,
    ExecutionStatus Status,
    int Attempt,
    ReadOnlyMemory<byte> Progress,
    ReadOnlyMemory<byte> Result,
    ExecutionError? Error,
    LateWord? Late,
    long UpdatedAt,
    long Version);
