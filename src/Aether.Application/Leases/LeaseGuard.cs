using Aether.Application.Instrumentation;
using Aether.Application.Ports;
using Aether.Domain;

namespace Aether.Application.Leases;

/// <summary>
/// Asks whether the sender of a message holds the lease that it names, where asking and publishing are not one step: what
/// goes to a group is looked at by the bus itself.
/// </summary>
/// <param name="leases">Who holds them; none: nobody does.</param>
/// <param name="metrics">Where it is counted, if it is.</param>
internal sealed class LeaseGuard(ILeaseStore? leases = null, RealtimeMetrics? metrics = null)
{
    /// <summary>Lets nothing through that names a lease.</summary>
    public static LeaseGuard Closed { get; } = new();

    /// <summary>Asks. A message that names no lease costs nothing.</summary>
    /// <returns>Why the message must not go out, if it must not.</returns>
    public ValueTask<Rejection?> CheckAsync(Message message, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(message);
        return message.Lease is { } claim ? AskAsync(message, claim, cancellationToken) : default;
    }

    private async ValueTask<Rejection?> AskAsync(
        Message message, LeaseClaim claim, CancellationToken cancellationToken)
    {
        if (leases is null)
            return Rejection.StaleTerm;
        var found = await leases.GetAsync(message.GroupId, claim.Name, cancellationToken).ConfigureAwait(false);
        if (found.Status is LeaseStatus.Unavailable or LeaseStatus.Unknown)
            return found.Fault.ToRejection();
        if (found.TimeLeft > TimeSpan.Zero && found.Lease!.Holder == message.FromId && found.Lease.Term == claim.Term)
            return null;
        metrics?.StaleTerm("message");
        return Rejection.StaleTerm;
    }
}
