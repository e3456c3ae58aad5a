using Aether.Application.Ports;
using Aether.Domain;
using MediatR;

namespace Aether.Application.Presence;

/// <summary>A connection of a client closes.</summary>
/// <param name="GroupId">The group.</param>
/// <param name="ClientId">The client.</param>
public sealed record Leave(VisionId GroupId, VisionId ClientId)
    : IRequest<Outcome>, IClientRequest;

/// <summary>Who leaves, and what, must be known.</summary>
public sealed class LeaveValidator : ClientRequestValidator<Leave>;

/// <summary>Takes the connection back; the watcher tells the group if it was its client's last one.</summary>
public sealed class LeaveHandler(IPresenceStore presence, IPresenceWatcher watcher) : IRequestHandler<Leave, Outcome>
{
    /// <inheritdoc/>
    public async Task<Outcome> Handle(Leave request, CancellationToken cancellationToken)
    {
        var change = await presence.LeaveAsync(request.GroupId, request.ClientId, cancellationToken)
            .ConfigureAwait(false);
        watcher.OnChanged(request.GroupId, change);
        return Outcome.Done;
    }
}
