using Aether.Application.Ports;
using Aether.Domain;

namespace Aether.Infrastructure.InMemory;

/// <summary>
/// Leases within one process. One lock for all: a lease is asked for now and then, and whoever does something under one
/// has to be sure of it until that is done.
/// </summary>
internal sealed class InMemoryLeaseStore(TimeProvider time) : ILeaseStore
{
    private readonly Lock gate = new();
    private readonly Dictionary<(VisionId Group, VisionId Name), Lease> leases = [];

    public ValueTask<LeaseResult> AcquireAsync(
        VisionId group, VisionId name, VisionId client, TimeSpan ttl, CancellationToken cancellationToken) =>
        new(Step(group, name, (lease, now) => lease.Acquire(client, ttl, now)));

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
                leases[(group, name)] = done.Lease;
            return LeaseResult.From(done, now);
        }
    }

    private Lease Find(VisionId group, VisionId name) => leases.GetValueOrDefault((group, name)) ?? Lease.Free(name);

    private long Now() => time.GetUtcNow().ToUnixTimeMilliseconds();
}
