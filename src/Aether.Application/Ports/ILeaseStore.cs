using Aether.Domain;

namespace Aether.Application.Ports;

/// <summary>
/// Keeps the leases of groups. Terms are kept for as long as the store keeps anything: one that came again would make
/// two holders of the same term. Time is the store's. Whenever a lease goes to somebody, or to nobody, its group is told on
/// its channel in the same step: in the order of the terms, and whatever becomes of the instance that asked. Adapters: Redis,
/// and memory for a single process. Never throws for a store that cannot be reached.
/// </summary>
internal interface ILeaseStore
{
    /// <summary>
    /// Takes a lease that is free, or gives its holder more time. One that nobody ever had is a name more, of which a group
    /// has as many as <see cref="LeaseOptions.MaxPerGroup"/>.
    /// </summary>
    ValueTask<LeaseResult> AcquireAsync(
        VisionId group, VisionId name, VisionId client, TimeSpan ttl, CancellationToken cancellationToken);

    /// <summary>Gives the holder as much time as it asked for.</summary>
    ValueTask<LeaseResult> RenewAsync(
        VisionId group, LeaseClaim claim, VisionId client, CancellationToken cancellationToken);

    /// <summary>Gives a lease back.</summary>
    ValueTask<LeaseResult> ReleaseAsync(
        VisionId group, LeaseClaim claim, VisionId client, CancellationToken cancellationToken);

    /// <summary>Takes a lease from whoever holds it.</summary>
    ValueTask<LeaseResult> TakeAwayAsync(VisionId group, VisionId name, CancellationToken cancellationToken);

    /// <summary>Reads a lease. One that nobody ever had is free, with the term 0.</summary>
    ValueTask<LeaseResult> GetAsync(VisionId group, VisionId name, CancellationToken cancellationToken);

    /// <summary>
    /// Notes of leases in any group that their time is over, each once, however many instances ask. One that somebody else
    /// has taken meanwhile is not among them: that was told.
    /// </summary>
    /// <param name="limit">Of how many at most.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    ValueTask<LeaseEnds> EndAsync(int limit, CancellationToken cancellationToken);
}

/// <summary>What was found of leases whose time is over.</summary>
/// <param name="Count">How many ended.</param>
/// <param name="Next">
/// When the next one may end, unless it is renewed; <see langword="null"/>: nobody holds any, or that is not known.
/// </param>
internal readonly record struct LeaseEnds(int Count, TimeSpan? Next);

/// <summary>What became of a lease.</summary>
/// <param name="Status">Whether what was asked for was done.</param>
/// <param name="Lease">
/// The lease as it is now; of one that nobody holds only the term is set. <see langword="null"/>: not known.
/// </param>
/// <param name="HasNewHolder">Whether it went to somebody, or to nobody, by this.</param>
/// <param name="TimeLeft">For how long it is held; zero: it is free.</param>
/// <param name="Fault">Why the store did not do it.</param>
internal readonly record struct LeaseResult(
    LeaseStatus Status,
    Lease? Lease,
    bool HasNewHolder = false,
    TimeSpan TimeLeft = default,
    BackplaneFault Fault = default)
{
    /// <summary>What a step of the lease comes to, at the time that it was made.</summary>
    public static LeaseResult From(LeaseStep step, long now)
    {
        bool isHeld = step.Lease.IsHeld(now);
        return new(
            step.Verdict switch
            {
                LeaseVerdict.Done => LeaseStatus.Done,
                LeaseVerdict.Held => LeaseStatus.Held,
                _ => LeaseStatus.Stale,
            },
            // Of a lease that nobody holds only the term matters.
            isHeld ? step.Lease : Lease.Free(step.Lease.Name) with { Term = step.Lease.Term },
            step.HasNewHolder,
            isHeld ? TimeSpan.FromMilliseconds(step.Lease.ExpiresAt - now) : TimeSpan.Zero);
    }
}

/// <summary>Whether what was asked of a lease was done.</summary>
internal enum LeaseStatus
{
    /// <summary>The store cannot be reached or does not take it. Nothing was changed.</summary>
    Unavailable,

    /// <summary>The store did not answer: it may have been done. Asking again tells.</summary>
    Unknown,

    /// <summary>It was done.</summary>
    Done,

    /// <summary>Another client holds it.</summary>
    Held,

    /// <summary>The client does not hold it in this term.</summary>
    Stale,

    /// <summary>Nobody ever had it, and the group has as many names as it may.</summary>
    TooMany,
}
