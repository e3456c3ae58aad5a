using Aether.Application.Messaging;
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
public sealed record Disconnect(VisionId GroupId, VisionId ClientId, string? SupersededBy = null)
    : IRequest<Outcome>, IClientRequest;

/// <summary>Who is to be disconnected, and from what, must be known.</summary>
public sealed class DisconnectValidator : ClientRequestValidator<Disconnect>;

/// <summary>
/// Says so on the client's own channel: exactly the instances that have a connection of the client hear it, and all
/// of them in one order. The hub of each does the closing.
/// </summary>
public sealed class DisconnectHandler(IMessageBus bus, IPresenceStore presence, ServerMessages messages)
    : IRequestHandler<Disconnect, Outcome>
{
    /// <inheritdoc/>
    public async Task<Outcome> Handle(Disconnect request, CancellationToken cancellationToken)
    {
        // The channel is the client's in all its groups: that an instance hears it does not say that anybody has to
        // go. It is told all the same, for the case that presence is behind.
        bool absent = request.SupersededBy is null
            && await presence.GetMembersAsync(request.GroupId, cancellationToken).ConfigureAwait(false) is { } members
            && members.All(member => member.ClientId != request.ClientId);
        var message = messages.Disconnect(request.ClientId, request.GroupId, request.SupersededBy);
        var told = await bus.PublishAsync(ChannelName.Client(request.ClientId), message, cancellationToken)
            .ConfigureAwait(false);
        return told.Accepted && (absent || told.Instances == 0)
            ? Outcome.Rejected(Rejection.NotPresent)
            : told.ToOutcome();
    }
}
