using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Domain;

namespace Aether.Application.Presence;

/// <summary>
/// Tells groups of the comings and goings that no connection of this instance caused: of whom a dead instance left behind,
/// and of who came or went while the store could not be reached.
/// </summary>
internal sealed class PresenceAnnouncer(IMessageBus bus, ServerMessages messages) : IPresenceWatcher
{
    /// <summary>Why a client went whose connection nobody saw close.</summary>
    public const string Lost = "lost";

    public void OnChanged(VisionId group, PresenceChange change)
    {
        if (change.Member is not { } member)
            return;
        if (change.Transition == PresenceTransition.Came)
            _ = PublishAsync(group, messages.PresenceEvent(group, member, "join"));
        else if (change.Transition == PresenceTransition.Went)
            _ = PublishAsync(group, messages.PresenceEvent(group, member, "leave", Lost));
    }

    // Started before anything is awaited, so that what happened to a client is told in that order.
    private async Task PublishAsync(VisionId group, Message message) =>
        await bus.PublishAsync(ChannelName.Group(group), message, CancellationToken.None).ConfigureAwait(false);
}
