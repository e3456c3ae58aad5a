using Aether.Application;
using Aether.Application.Leases;
using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Domain;

namespace Aether.Infrastructure.InMemory;

/// <summary>
/// Leases within one process. One lock for all: a lease is asked for now and then, and whoever does something under one
/// has to be sure of it until that is done.
/// </summary>
/// <param name="time">The clock.</param>
/// <param name="channels">Where groups are told who holds their leases; none: nobody is told.</param>
/// <param name="options">How many names a group may have.</param>
internal sealed class InMemoryLeaseStore(
    TimeProvider time, InMemoryChannels? channels = null, LeaseOptions? options = null) : ILeaseStore
{
    private readonly int maxPerGroup = (options ?? new LeaseOptions()).MaxPerGroup;
    private readonly Lock gate = new();
    private readonly ServerMessages messages = new(time);
    private readonly Dictionary<(VisionId Group, VisionId Name), Lease> leases = [];
    private readonly Dictionary<VisionId, int> names = [];

    // Those whose end has to be noted. There may be many more that nobody holds.
    private readonly HashSet<(VisionId Group, VisionId Name)> held = [];

    public ValueTask<LeaseResult> AcquireAsync(
        VisionId group, VisionId name, VisionId client, TimeSpan ttl, CancellationToken cancellationToken)
    {
        lock (gate)
        {
            return new(!leases.ContainsKey((group, name)) && names.GetValueOrDefault(group) >= maxPerGroup
                ? new LeaseResult(LeaseStatus.TooMany, Lease.Free(name))
                : Step(group, name, (lease, now) => lease.Acquire(client, ttl, now)));
        }
    }

    public ValueTask<LeaseResult> RenewAsync(
        VisionId group, LeaseClaim claim, VisionId client, CancellationToken cancellationToken) =>
        new(Step(group, claim.Name, (lease, now) => lease.Renew(client, claim.Term, now)));

    public ValueTask<LeaseResult> ReleaseAsync(
        VisionId group, LeaseClaim claim, VisionId client, CancellationToken cancellationToken) =>
        new(Step(group, claim.Name, (lease, now) => lease.Release(client, claim.Term, now)));

    public ValueTask<LeaseResult> TakeAwayAsync(VisionId group, VisionId name, CancellationToken cancellationToken) =>
        new(Step(group, name, static (lease, now) => lease.TakeAway(now)));

    public ValueTask<LeaseResult> GetAsync(VisionId group, VisionId name, CancellationToken cancellationToken) =>
        new(Step(group, name, static (lease, _) => new LeaseStep(LeaseVerdict.Done, lease)));

    public ValueTask<LeaseEnds> EndAsync(int limit, CancellationToken cancellationToken)
    {
        lock (gate)
        {
            long now = Now();
            var over = held.Where(one => !leases[one].IsHeld(now)).Take(limit).ToArray();
            foreach (var (group, name) in over)
                Step(group, name, static (lease, now) => lease.End(now));
            return new(new LeaseEnds(
                over.Length,
                held.Count == 0 ? null : TimeSpan.FromMilliseconds(Math.Max(0, held.Min(one => leases[one].ExpiresAt) - now))));
        }
    }

    /// <summary>
    /// Does something if the client holds the lease in this term, while nobody else can take it. It must not wait.
    /// </summary>
    /// <returns>Whether it was done.</returns>
    public bool TryUnder(VisionId group, LeaseClaim claim, VisionId client, Action work)
    {
        lock (gate)
        {
            if (!Find(group, claim.Name).IsHeldBy(client, claim.Term, Now()))
                return false;
            work();
            return true;
        }
    }

    private LeaseResult Step(VisionId group, VisionId name, Func<Lease, long, LeaseStep> step)
    {
        lock (gate)
        {
            long now = Now();
            var lease = Find(group, name);
            var done = step(lease, now);
            // Who only asks for a lease that nobody ever had leaves nothing behind.
            if (done.Lease != lease)
            {
                if (!leases.ContainsKey((group, name)))
                    names[group] = names.GetValueOrDefault(group) + 1;
                leases[(group, name)] = done.Lease;
            }
            var result = LeaseResult.From(done, now);
            if (done.HasNewHolder)
                Changed(group, result);
            return result;
        }
    }

    private void Changed(VisionId group, LeaseResult result)
    {
        var lease = result.Lease!;
        if (result.TimeLeft > TimeSpan.Zero)
            held.Add((group, lease.Name));
        else
            held.Remove((group, lease.Name));
        if (channels is null)
            return;
        var told = messages.LeaseEvent(group, LeaseInfo.Of(lease, result.TimeLeft, time.GetUtcNow().UtcDateTime));
        // Under the lock, so that it is told in the order in which it happened. Nobody waits for there being room.
        _ = channels.PublishAsync(ChannelName.Group(group), told, CancellationToken.None).AsTask();
    }

    private Lease Find(VisionId group, VisionId name) => leases.GetValueOrDefault((group, name)) ?? Lease.Free(name);

    private long Now() => time.GetUtcNow().ToUnixTimeMilliseconds();
}
