using Aether.Application.Ports;
using Aether.Domain;
using MediatR;

namespace Aether.Application.Leases;

/// <summary>A client gives a lease back.</summary>
/// <param name="GroupId">The group.</param>
/// <param name="Name">Which lease.</param>
/// <param name="ClientId">The client.</param>
/// <param name="Term">In which term it holds it.</param>
internal sealed record ReleaseLease(VisionId GroupId, VisionId Name, VisionId ClientId, long Term)
    : IRequest<Answer<LeaseInfo>>;

/// <summary>Asks the store, which refuses whoever does not hold it.</summary>
internal sealed class ReleaseLeaseHandler(ILeaseStore leases, TimeProvider time)
    : IRequestHandler<ReleaseLease, Answer<LeaseInfo>>
{
    /// <inheritdoc/>
    public async Task<Answer<LeaseInfo>> Handle(ReleaseLease request, CancellationToken cancellationToken)
    {
        var claim = new LeaseClaim(request.Name, request.Term);
        var result = await leases.ReleaseAsync(request.GroupId, claim, request.ClientId, cancellationToken)
            .ConfigureAwait(false);
        return result.ToAnswer(time);
    }
}
