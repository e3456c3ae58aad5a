using Aether.Application.Ports;
using Aether.Domain;

namespace Aether.Application.Instrumentation;

/// <summary>Counts who takes leases and gives them back, and who wants what it does not hold any more.</summary>
internal sealed class InstrumentedLeaseStore(ILeaseStore inner, RealtimeMetrics metrics) : ILeaseStore
{
    public async ValueTask<LeaseResult> AcquireAsync(
        VisionId group, VisionId name, VisionId client, TimeSpan ttl, CancellationToken cancellationToken) =>
        Count(
            await inner.AcquireAsync(group, name, client, ttl, cancellationToken).ConfigureAwait(false),
            "acquire",
            "acquired");

    public async ValueTask<LeaseResult> RenewAsync(
        VisionId group, LeaseClaim claim, VisionId client, CancellationToken cancellationToken) =>
        Count(await inner.RenewAsync(group, claim, client, cancellationToken).ConfigureAwait(false), "renew", "renewed");

    public async ValueTask<LeaseResult> ReleaseAsync(
        VisionId group, LeaseClaim claim, VisionId client, CancellationToken cancellationToken) =>
        Count(
            await inner.ReleaseAsync(group, claim, client, cancellationToken).ConfigureAwait(false), "release", "released");

    public async ValueTask<LeaseResult> TakeAwayAsync(
        VisionId group, VisionId name, CancellationToken cancellationToken) =>
        Count(await inner.TakeAwayAsync(group, name, cancellationToken).ConfigureAwait(false), "take", "taken");

    public ValueTask<LeaseResult> GetAsync(VisionId group, VisionId name, CancellationToken cancellationToken) =>
        inner.GetAsync(group, name, cancellationToken);

    public async ValueTask<LeaseEnds> EndAsync(int limit, CancellationToken cancellationToken)
    {
        var ends = await inner.EndAsync(limit, cancellationToken).ConfigureAwait(false);
        if (ends.Count > 0)
            metrics.LeaseChanged("ended", ends.Count);
        return ends;
    }

    private LeaseResult Count(LeaseResult result, string operation, string change)
    {
        if (result.HasNewHolder)
            metrics.LeaseChanged(change);
        else if (result.Status == LeaseStatus.Stale)
            metrics.StaleTerm(operation);
        return result;
    }
}
