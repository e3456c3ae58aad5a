using Aether.Application.Delivery;
using Aether.Application.FanOut;
using Aether.Application.Legacy;
using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Domain;

namespace Aether.Api.Legacy;

/// <summary>
/// The legacy connections of this instance. What arrives on the one channel is sorted out here, in code, as V2 did; the
/// channel itself is heard only while there is somebody to hear it for.
/// </summary>
internal sealed class LegacyReceivers : ILegacySink, IChannelSubscriptions
{
    private readonly ILegacyBus bus;
    private readonly Hub hub;

    public LegacyReceivers(ILegacyBus bus, DeliveryLoops loops, ServerMessages messages)
    {
        this.bus = bus;
        // A hub of its own: groups and clients of the same name on V3 are others.
        hub = new Hub(this, loops, messages);
    }

    /// <summary>
    /// Lets a connection hear what is for it; <see langword="false"/> if the backplane cannot be reached.
    /// </summary>
    public Task<bool> AttachAsync(LegacyConnection connection, CancellationToken cancellationToken) =>
        hub.AttachAsync(connection, cancellationToken);

    /// <summary>Ends that.</summary>
    public void Detach(LegacyConnection connection) => hub.Detach(connection);

    /// <inheritdoc/>
    public bool TryReceive(LegacyMessage message) => hub.TryPut(ChannelOf(message), Frame.OfText(message.Data.Span));

    /// <inheritdoc/>
    public ValueTask ReceiveAsync(LegacyMessage message, CancellationToken cancellationToken) =>
        hub.PutAsync(ChannelOf(message), Frame.OfText(message.Data.Span));

    // Every connection is in the broadcast, so the first one there and the last one are the first and the last of all.
    Task<bool> IChannelSubscriptions.SubscribeAsync(
        ChannelName channel, IMessageSink sink, CancellationToken cancellationToken) =>
        channel == ChannelName.Broadcast ? bus.SubscribeAsync(this, cancellationToken) : Task.FromResult(true);

    Task IChannelSubscriptions.UnsubscribeAsync(ChannelName channel, CancellationToken cancellationToken) =>
        channel == ChannelName.Broadcast ? bus.UnsubscribeAsync(cancellationToken) : Task.CompletedTask;

    private static ChannelName ChannelOf(LegacyMessage message) => message.Target switch
    {
        Target.Direct => ChannelName.Client(message.ToId),
        Target.Broadcast => ChannelName.Broadcast,
        Target.Group => ChannelName.Group(message.GroupId),
        Target.Role or Target.Echo => throw new ArgumentException("legacy clients have neither", nameof(message)),
    };
}
