using System.Net;
using Aether.Infrastructure.Redis.Subscriptions;

namespace Aether.Infrastructure.Redis.Health;

/// <summary>
/// What is in doubt, and since when. Compares each look with how the servers were when all was last known to be well:
/// another connection than before means a gap that no event told of, too few channels a deaf subscription.
/// </summary>
internal sealed class RedisDoubts(RedisSubscriptions subscriptions, TimeProvider time)
{
    /// <summary>Why channels have to be verified one by one.</summary>
    public const string Deaf = "Redis does not know of every subscription";

    /// <summary>
    /// How often everything may look present while Redis counts too few, before all is subscribed anew.
    /// </summary>
    private const int MaxUnexplained = 3;

    private static readonly TimeSpan Patience = 3 * RedisPulse.Interval;

    private volatile Dictionary<EndPoint, long> connections = [];
    private Dictionary<EndPoint, string> epochs = [];
    private DateTime since = time.GetUtcNow().UtcDateTime;
    private DateTime lookedAt = time.GetUtcNow().UtcDateTime;
    private int disturbed;
    private int raised;
    private long raisedSince;
    private int unexplained;

    /// <summary>When all was last known to be well (UTC): what was published later may have been missed.</summary>
    public DateTime Since => since;

    /// <summary>Whether something is missing of which it cannot be told what.</summary>
    public bool IsUnexplained => unexplained >= MaxUnexplained;

    /// <summary>Something does not fit: Redis says that nobody hears what is heard here.</summary>
    public void Raise() => Volatile.Write(ref raised, 1);

    /// <summary>A connection was lost or came back.</summary>
    /// <returns>Whether it can be one that is in use.</returns>
    public bool Disturb(EndPoint? server)
    {
        var inUse = connections;
        if (server is not null && inUse.Count > 0 && !inUse.ContainsKey(server))
            return false;
        Volatile.Write(ref disturbed, 1);
        return true;
    }

    /// <summary>Whether a connection was lost or came back since this was last asked.</summary>
    public bool TakeDisturbed() => Interlocked.Exchange(ref disturbed, 0) != 0;

    /// <summary>All is about to be verified: only what comes from here on counts.</summary>
    public void Restart()
    {
        Interlocked.Exchange(ref disturbed, 0);
        Interlocked.Exchange(ref raised, 0);
    }

    /// <summary>Everything looks present, and yet Redis counts too few.</summary>
    public void Puzzle() => unexplained++;

    /// <summary>It is explained, or all has been subscribed anew.</summary>
    public void Explain() => unexplained = 0;

    /// <summary>What a look found that makes the subscriptions unreliable; <see langword="null"/>: nothing.</summary>
    /// <param name="pulse">The look.</param>
    /// <param name="afterRestore">Whether all has just been brought back, on whatever connections there are now.</param>
    public string? ProblemOf(in Pulse pulse, bool afterRestore)
    {
        if (!pulse.Answered)
            return "Redis does not answer";
        if (pulse.Problem is { } problem)
            return problem;
        if (!pulse.Heard)
            return "the probe was not heard";
        if (TakeDisturbed() && (afterRestore || pulse.Connections.Count == 0))
            return "the connection was lost";
        if (!afterRestore && IsReplaced(pulse.Connections))
            return "the connection was replaced";
        return pulse.IsShort ? Deaf : null;
    }

    /// <summary>Whether a server has got slots since the last look that was accepted.</summary>
    public bool HaveSlotsMoved(in Pulse pulse)
    {
        foreach (var (server, epoch) in pulse.Epochs)
        {
            if (epochs.TryGetValue(server, out string? before) && before != epoch)
                return true;
        }
        return false;
    }

    /// <summary>Looks at each channel if something did not fit since the last look.</summary>
    public async Task<bool> FindDeafAsync(Pulse pulse, CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref raised, 0) == 0)
        {
            raisedSince = 0;
            return false;
        }
        var missing = await subscriptions.FindMissingAsync(pulse.Homes, cancellationToken).ConfigureAwait(false);
        if (missing.Count > 0)
            return true;
        // All seems to be there. If that goes on, it is not.
        long now = time.GetTimestamp();
        if (raisedSince == 0)
            raisedSince = now;
        if (time.GetElapsedTime(raisedSince, now) < Patience)
            return false;
        unexplained = MaxUnexplained;
        raisedSince = 0;
        return true;
    }

    /// <summary>From now on, looks are compared with this one.</summary>
    /// <param name="pulse">The look, which found nothing wrong.</param>
    /// <param name="started">When it began (UTC).</param>
    public void Accept(in Pulse pulse, DateTime started)
    {
        connections = pulse.Connections;
        epochs = pulse.Epochs;
        lookedAt = started;
    }

    /// <summary>Whoever had to be told was told: nothing is in doubt before the look that was accepted last.</summary>
    public void Clear() => since = lookedAt;

    private bool IsReplaced(Dictionary<EndPoint, long> now)
    {
        foreach (var (server, id) in connections)
        {
            if (!now.TryGetValue(server, out long current) || current != id)
                return true;
        }
        return false;
    }
}
