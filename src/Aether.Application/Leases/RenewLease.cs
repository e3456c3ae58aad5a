using Aether.Application.Ports;
using Aether.Domain;
using MediatR;

namespace Aether.Application.Leases;

/// <summary>A client goes on to hold a lease, for as long again as it asked for.</summary>
/// <param name="GroupId">The group.</param>
/// <param name="Name">Which lease.</param>
/// <param name="ClientId">The client.</param>
/// <param name="Term">In which term it holds it.</param>
internal sealed record RenewLease(VisionId GroupId, VisionId Name, VisionId ClientId, long Term)
    : IRequest<Answer<LeaseInfo>>;

/// <summary>Asks the store, which refuses whoever does not hold it.</summary>
internal sealed class RenewLeaseHandler(ILeaseStore leases, TimeProvider time)
    : IRequestHandler<RenewLease, Answer<LeaseInfo>>
{
    /// <inheritdoc/>
    public async Task<Answer<LeaseInfo>> Handle(RenewLease request, CancellationToken cancellationToken)
    {
        var claim = new LeaseClaim(request.Name, request.Term);
        var result = await leases.RenewAsync(request.GroupId, claim, request.ClientId, cancellationToken)
            .ConfigureAwait(false);
        return result.ToAnswer(time);
    }
}
