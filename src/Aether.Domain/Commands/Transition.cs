namespace Aether.Domain.Commands;

/// <summary>What an event did to a command.</summary>
/// <param name="Verdict">Whether it was taken.</param>
/// <param name="Effects">What has to be done now, in this order.</param>
/// <param name="Status">How far the execution is that was reported on.</param>
/// <param name="IsCanceled">Whether its member has to stop.</param>
/// <param name="TakenAfterMs">
/// How long after it had its turn its member said the first word of this attempt; <see langword="null"/>: that was no such
/// word.
/// </param>
public readonly record struct Transition(
    Verdict Verdict,
    IReadOnlyList<Effect> Effects,
    ExecutionStatus Status = default,
    bool IsCanceled = false,
    long? TakenAfterMs = null)
{
    /// <summary>
    /// Whether the command ended with it: whatever comes first after the deadline ends it, also what itself is not taken.
    /// </summary>
    internal bool HasEnded { get; init; }
}

/// <summary>Whether an event was taken.</summary>
public enum Verdict
{
    /// <summary>There was nothing to change: it came before, or does not matter any more.</summary>
    Unchanged,

    /// <summary>It was taken.</summary>
    Applied,

    /// <summary>It came too late to count, and is kept as that.</summary>
    Late,

    /// <summary>It is of another attempt, or of a connection that does not have the execution.</summary>
    Stale,

    /// <summary>The member has no such execution.</summary>
    Unknown,
}

/// <summary>Something to be done for a command. Doing it twice does no harm.</summary>
/// <param name="Kind">What.</param>
/// <param name="Index">For which execution.</param>
/// <param name="Member">To whom.</param>
/// <param name="Attempt">Which attempt.</param>
public readonly record struct Effect(EffectKind Kind, int Index, VisionId Member, int Attempt);

/// <summary>What has to be done.</summary>
public enum EffectKind
{
    /// <summary>The member gets the command, and the sending is confirmed once it is published.</summary>
    Send,

    /// <summary>The member is asked to stop, and that is confirmed once it is published.</summary>
    Cancel,
}
