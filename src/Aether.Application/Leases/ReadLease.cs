using Aether.Application.Ports;
using Aether.Domain;
using MediatR;

namespace Aether.Application.Leases;

/// <summary>A client, the host or an operator asks who holds a lease.</summary>
/// <param name="GroupId">The group.</param>
/// <param name="Name">Which lease.</param>
internal sealed record ReadLease(VisionId GroupId, VisionId Name)
    : IRequest<Answer<LeaseInfo>>;

/// <summary>Asks the store. A lease that nobody ever had is a free one.</summary>
internal sealed class ReadLeaseHandler(ILeaseStore leases, TimeProvider time)
    : IRequestHandler<ReadLease, Answer<LeaseInfo>>
{
    /// <inheritdoc/>
    public async Task<Answer<LeaseInfo>> Handle(ReadLease request, CancellationToken cancellationToken)
    {
        var result = await leases.GetAsync(request.GroupId, request.Name, cancellationToken).ConfigureAwait(false);
        return result.ToAnswer(time);
    }
}
