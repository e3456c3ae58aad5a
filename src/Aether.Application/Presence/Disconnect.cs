using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Domain;
using MediatR;

namespace Aether.Application.Presence;

/// <summary>Closes the connections of a client in a group, on whichever instance they are.</summary>
/// <param name="GroupId">The group.</param>
/// <param name="ClientId">The client.</param>
/// <param name="SupersededBy">
/// The connection that takes the place of all others of this client; <see langword="null"/>: the API removes the
/// client.
/// </param>
internal sealed record Disconnect(VisionId GroupId, VisionId ClientId, string? SupersededBy = null)
    : IRequest<Outcome>;

/// <summary>
/// Says so on the client's own channel: exactly the instances that have a connection of the client hear it, and all
/// of them in one order. The hub of each does the closing.
/// </summary>
internal sealed class DisconnectHandler(IMessageBus bus, IPresenceStore presence, ServerMessages messages)
    : IRequestHandler<Disconnect, Outcome>
{
    /// <inheritdoc/>
    public async Task<Outcome> Handle(Disconnect request, CancellationToken cancellationToken)
    {
        // The channel is the client's in all its groups: that an instance hears it does not say that anybody has to
        // go. It is told all the same, for the case that presence is behind.
        var places = request.SupersededBy is null
            ? await FindAsync(request, cancellationToken).ConfigureAwait(false)
            : default;
        var message = messages.Disconnect(request.ClientId, request.GroupId, request.SupersededBy);
        var told = await bus.PublishAsync(ChannelName.Client(request.ClientId), message, cancellationToken)
            .ConfigureAwait(false);
        if (!told.Accepted)
            return told.ToOutcome();
        int instances = told.Instances;
        switch (places.Known)
        {
            case PlacesKnown.Unavailable:
                return Outcome.Rejected(Rejection.PresenceUnavailable);
            case PlacesKnown.Known:
                instances = Math.Min(instances, places.Instances);
                break;
        }
        return instances == 0 ? Outcome.Rejected(Rejection.NotPresent) : Outcome.Published(instances);
    }

    private async ValueTask<ClientPlaces> FindAsync(Disconnect request, CancellationToken cancellationToken)
    {
        var places = await presence.FindAsync(request.GroupId, request.ClientId, cancellationToken)
            .ConfigureAwait(false);
        if (places.Known != PlacesKnown.NotKept)
            return places;
        return await presence.GetMembersAsync(request.GroupId, cancellationToken).ConfigureAwait(false) is { } members
            && members.All(member => member.ClientId != request.ClientId)
            ? ClientPlaces.On(0)
            : default;
    }
}
