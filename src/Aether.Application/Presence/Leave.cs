using Aether.Application.Ports;
using Aether.Domain;
using MediatR;

namespace Aether.Application.Presence;

/// <summary>A connection of a client closes.</summary>
/// <param name="GroupId">The group.</param>
/// <param name="ClientId">The client.</param>
/// <param name="Role">What the client is in the group by this connection.</param>
internal sealed record Leave(VisionId GroupId, VisionId ClientId, Role Role)
    : IRequest<Outcome>;

/// <summary>Takes the connection back; the watcher tells the group if it was its client's last one.</summary>
/// <param name="presence">Where it is taken back.</param>
/// <param name="watcher">Tells the group.</param>
/// <param name="updates">Forgets what a client said of itself that is gone.</param>
internal sealed class LeaveHandler(IPresenceStore presence, IPresenceWatcher watcher, StateUpdates? updates = null)
    : IRequestHandler<Leave, Outcome>
{
    /// <inheritdoc/>
    public async Task<Outcome> Handle(Leave request, CancellationToken cancellationToken)
    {
        var change = await presence.LeaveAsync(request.GroupId, request.ClientId, request.Role, cancellationToken)
            .ConfigureAwait(false);
        if (change.Transition == PresenceTransition.Went)
            updates?.Forget(request.GroupId, request.ClientId);
        watcher.OnChanged(request.GroupId, change);
        return Outcome.Done;
    }
}
