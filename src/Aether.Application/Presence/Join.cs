using Aether.Application.Ports;
using Aether.Domain;
using MediatR;

namespace Aether.Application.Presence;

/// <summary>A connection of a client opens in a group.</summary>
/// <param name="GroupId">The group.</param>
/// <param name="ClientId">The client.</param>
/// <param name="Role">What the client is in the group.</param>
internal sealed record Join(VisionId GroupId, VisionId ClientId, Role Role)
    : IRequest<Outcome>;

/// <summary>Registers the connection; the watcher tells the group if its client was not there before.</summary>
internal sealed class JoinHandler(IPresenceStore presence, IPresenceWatcher watcher) : IRequestHandler<Join, Outcome>
{
    /// <inheritdoc/>
    public async Task<Outcome> Handle(Join request, CancellationToken cancellationToken)
    {
        var change = await presence.JoinAsync(request.GroupId, request.ClientId, request.Role, cancellationToken)
            .ConfigureAwait(false);
        if (change.Transition == PresenceTransition.Unavailable)
            return Outcome.Rejected(change.Fault.ToRejection());
        watcher.OnChanged(request.GroupId, change);
        return Outcome.Done;
    }
}
