namespace Aether.Domain;

/// <summary>
/// A name in a group that one client holds at a time, for a while. Each holder has a term that is one more than the one
/// before it and never comes again, so that whoever hears of a higher one can refuse all that are lower. Instants are Unix
/// ms by the store's clock.
/// </summary>
/// <param name="Name">Which lease of the group.</param>
/// <param name="Holder">
/// Who had it last; empty: it was given back, its end has been noted, or nobody ever had it.
/// </param>
/// <param name="Term">The term of whoever had it last; 0: nobody ever had it.</param>
/// <param name="TtlMs">For how long each renewal is good.</param>
/// <param name="ExpiresAt">When it ends unless it is renewed.</param>
internal sealed record Lease(VisionId Name, VisionId Holder, long Term, long TtlMs, long ExpiresAt)
{
    /// <summary>A lease that nobody ever had.</summary>
    public static Lease Free(VisionId name) => new(name, default, 0, 0, 0);

    /// <summary>Whether somebody holds it.</summary>
    public bool IsHeld(long now) => !Holder.IsEmpty && now < ExpiresAt;

    /// <summary>Whether this client holds it in this term.</summary>
    public bool IsHeldBy(VisionId client, long term, long now) => IsHeld(now) && Holder == client && Term == term;

    /// <summary>
    /// Takes it. Whoever holds it keeps its term and never has less time than before; for another client it must be free.
    /// </summary>
    public LeaseStep Acquire(VisionId client, TimeSpan ttl, long now)
    {
        long ttlMs = (long)ttl.TotalMilliseconds;
        if (!IsHeld(now))
            return new(LeaseVerdict.Done, new Lease(Name, client, Term + 1, ttlMs, now + ttlMs), HasNewHolder: true);
        return Holder == client
            ? new(LeaseVerdict.Done, this with { TtlMs = ttlMs, ExpiresAt = Math.Max(ExpiresAt, now + ttlMs) })
            : new(LeaseVerdict.Held, this);
    }

    /// <summary>Gives its holder as much time as it asked for.</summary>
    public LeaseStep Renew(VisionId client, long term, long now) => IsHeldBy(client, term, now)
        ? new(LeaseVerdict.Done, this with { ExpiresAt = Math.Max(ExpiresAt, now + TtlMs) })
        : new(LeaseVerdict.Stale, this);

    /// <summary>Gives it back.</summary>
    public LeaseStep Release(VisionId client, long term, long now) =>
        IsHeldBy(client, term, now) ? TakeAway(now) : new(LeaseVerdict.Stale, this);

    /// <summary>Takes it from whoever holds it.</summary>
    public LeaseStep TakeAway(long now) => IsHeld(now)
        ? new(LeaseVerdict.Done, this with { Holder = default, ExpiresAt = now }, HasNewHolder: true)
        : new(LeaseVerdict.Done, this);

    /// <summary>Notes that its time is over: once, and not if somebody has taken it since.</summary>
    public LeaseStep End(long now) => !Holder.IsEmpty && !IsHeld(now)
        ? new(LeaseVerdict.Done, this with { Holder = default }, HasNewHolder: true)
        : new(LeaseVerdict.Done, this);
}

/// <summary>What became of a lease.</summary>
/// <param name="Verdict">Whether what was asked for was done.</param>
/// <param name="Lease">The lease as it is now.</param>
/// <param name="HasNewHolder">Whether it went to somebody, or to nobody, by this.</param>
internal readonly record struct LeaseStep(LeaseVerdict Verdict, Lease Lease, bool HasNewHolder = false);

/// <summary>Whether what was asked of a lease was done.</summary>
internal enum LeaseVerdict
{
    /// <summary>It was.</summary>
    Done,

    /// <summary>Another client holds it.</summary>
    Held,

    /// <summary>The client does not hold it in this term.</summary>
    Stale,
}
