using Aether.Application.Ports;
using Aether.Domain;
using MediatR;

namespace Aether.Application.Leases;

/// <summary>The host or an operator takes a lease from whoever holds it.</summary>
/// <param name="GroupId">The group.</param>
/// <param name="Name">Which lease.</param>
internal sealed record TakeLease(VisionId GroupId, VisionId Name)
    : IRequest<Answer<LeaseInfo>>;

/// <summary>Asks the store. One that nobody holds stays free.</summary>
internal sealed class TakeLeaseHandler(ILeaseStore leases, TimeProvider time)
    : IRequestHandler<TakeLease, Answer<LeaseInfo>>
{
    /// <inheritdoc/>
    public async Task<Answer<LeaseInfo>> Handle(TakeLease request, CancellationToken cancellationToken)
    {
        var result = await leases.TakeAwayAsync(request.GroupId, request.Name, cancellationToken).ConfigureAwait(false);
        return result.ToAnswer(time);
    }
}
