using System.Collections.Concurrent;
using Aether.Application.Delivery;
using Aether.Application.History;
using Aether.Application.Ports;
using Aether.Application.Presence;
using Aether.Application.Tracing;
using Aether.Application.Wire;
using Aether.Domain;

namespace Aether.Application.FanOut;

/// <summary>
/// Knows which connections of this instance hear which channel. The first connection of a channel subscribes the
/// instance, the last one that leaves ends the subscription, and however they race the bus is asked one thing at a
/// time per channel.
/// </summary>
/// <param name="bus">Where channels are subscribed to.</param>
/// <param name="loops">They write to the connections.</param>
/// <param name="messages">What the server says itself.</param>
/// <param name="presence">Hears what is told of who is present.</param>
/// <param name="history">What is kept, where something is.</param>
/// <param name="traces">Whom operators look at.</param>
internal sealed class Hub(
    IChannelSubscriptions bus,
    DeliveryLoops loops,
    ServerMessages messages,
    PresenceListener? presence = null,
    HistoryServices? history = null,
    ClientTraces? traces = null)
    : IMessageSink, IChannelPlaces
{
    private readonly HistoryServices? history = history is { Kept.IsOn: true } ? history : null;

    // The types that there was no room for since the last repair.
    private int dropped;

    private readonly ConcurrentDictionary<ChannelName, HubChannel> channels = new();

    /// <summary>
    /// Raised by a repair, behind what it read, if messages may be missing that no stream keeps: executions of commands are
    /// never kept. Whoever hears it must not wait.
    /// </summary>
    public event Action? UnkeptMissed;

    /// <summary>How many channels this instance hears.</summary>
    public int Channels => channels.Count;

    /// <summary>
    /// Lets a connection hear its client's channel, its group's and the broadcast. When the result is
    /// <see langword="true"/>
    /// all three are live; when it is <see langword="false"/> the backplane cannot be reached, and nothing is left
    /// behind.
    /// </summary>
    public async Task<bool> AttachAsync(Connection connection, CancellationToken cancellationToken)
    {
        foreach (var feed in traces?.Of(connection.GroupId, connection.ClientId) ?? [])
            connection.Trace(feed);
        var client = EnterAsync(ChannelName.Client(connection.ClientId), connection);
        var group = EnterAsync(ChannelName.Group(connection.GroupId), connection);
        var broadcast = EnterAsync(ChannelName.Broadcast, connection);
        bool[] all = await Task.WhenAll(client, group, broadcast).ConfigureAwait(false);
        bool live = Array.TrueForAll(all, static one => one);
        if (live && !cancellationToken.IsCancellationRequested)
            return true;
        Detach(connection);
        return false;
    }

    /// <summary>
    /// Ends what <see cref="AttachAsync"/> began. Frames that the loop has already taken may still be written.
    /// </summary>
    public void Detach(Connection connection)
    {
        Exit(ChannelName.Client(connection.ClientId), connection);
        Exit(ChannelName.Group(connection.GroupId), connection);
        Exit(ChannelName.Broadcast, connection);
    }

    /// <inheritdoc/>
    public bool TryReceive(ChannelName channel, Message message)
    {
        if (!channels.TryGetValue(channel, out var heard))
            return true;
        Hear(channel, message);
        if (CarryOut(channel, message, heard.Receivers))
            return true;
        bool hadRoom = heard.Place is { } place && IsPlaced(place, message)
            ? place.TryReceive(Frame.Of(message), HistoryServices.TypeOf(message))
            : heard.Receivers.TryPut(loops, Frame.Of(message));
        if (!hadRoom)
            Interlocked.Or(ref dropped, (int)HistoryServices.TypeOf(message));
        return hadRoom;
    }

    /// <inheritdoc/>
    public ValueTask ReceiveAsync(ChannelName channel, Message message, CancellationToken cancellationToken)
    {
        if (!channels.TryGetValue(channel, out var heard))
            return default;
        Hear(channel, message);
        if (CarryOut(channel, message, heard.Receivers))
            return default;
        return heard.Place is { } place && IsPlaced(place, message)
            ? place.ReceiveAsync(Frame.Of(message), HistoryServices.TypeOf(message))
            : heard.Receivers.PutAsync(loops, Frame.Of(message));
    }

    /// <summary>Puts a frame that is no V3 message before all who hear a channel, if there is room for it.</summary>
    public bool TryPut(ChannelName channel, Frame frame) =>
        !channels.TryGetValue(channel, out var heard) || heard.Receivers.TryPut(loops, frame);

    /// <summary>As <see cref="TryPut"/>, but completes when there was room for it.</summary>
    public ValueTask PutAsync(ChannelName channel, Frame frame) =>
        channels.TryGetValue(channel, out var heard) ? heard.Receivers.PutAsync(loops, frame) : default;

    /// <inheritdoc/>
    public void Doubt() => history?.Doubts.Raise();

    /// <inheritdoc/>
    public async Task RepairAsync(DateTime since, bool othersMayBeMissing, CancellationToken cancellationToken)
    {
        var types = (GapTypes)Interlocked.Exchange(ref dropped, 0);
        bool isUnkeptMissed = othersMayBeMissing || types.HasFlag(GapTypes.Cmd);
        if (othersMayBeMissing)
            types |= history?.OtherTypes ?? GapTypes.All;
        IReadOnlyDictionary<ChannelName, GapTypes>? lost = null;
        if (history is not null)
        {
            long doubt = history.Doubts.Last;
            lost = await InstanceRepair.RunAsync(
                history, Places(), mayHaveGoneBack: othersMayBeMissing, cancellationToken).ConfigureAwait(false);
            if (othersMayBeMissing)
                history.Doubts.Settle(doubt);
        }
        if (isUnkeptMissed)
            UnkeptMissed?.Invoke();
        if ((types == GapTypes.None && lost is null or { Count: 0 })
            || !channels.TryGetValue(ChannelName.Broadcast, out var everyone))
            return;
        var ofAll = types | LostOf(lost, ChannelName.Broadcast);
        Gaps.Tell(loops, messages, everyone.Receivers, since, connection => ofAll
            | LostOf(lost, ChannelName.Group(connection.GroupId))
            | LostOf(lost, ChannelName.Client(connection.ClientId)));
    }

    /// <summary>
    /// Asks where the streams of all channels end, so that this stays known also where nothing happens.
    /// </summary>
    public async Task RenewPositionsAsync(CancellationToken cancellationToken)
    {
        if (history is null)
            return;
        foreach (var some in Places().Chunk(InstanceRepair.ChannelsAtOnce))
            await InstanceRepair.AskAsync(history, some, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ChannelPlace? PlaceOf(ChannelName channel) =>
        channels.TryGetValue(channel, out var heard) ? heard.Place : null;

    private static bool IsPlaced(ChannelPlace place, Message message) => place.IsHolding || !message.Position.IsEmpty;

    private static GapTypes LostOf(IReadOnlyDictionary<ChannelName, GapTypes>? lost, ChannelName channel) =>
        lost is not null && lost.TryGetValue(channel, out var types) ? types : GapTypes.None;

    private List<ChannelPlace> Places() =>
        [.. channels.Values.Select(channel => channel.Place).OfType<ChannelPlace>()];

    private void Hear(ChannelName channel, Message message)
    {
        if (message.Type == MessageType.Presence && channel.Kind == ChannelKind.Group)
            presence?.Hear(channel.Id, message);
    }

    /// <summary>Whether a message is an order to this instance, which no client gets; then it is carried out.</summary>
    private bool CarryOut(ChannelName channel, Message message, ChannelReceivers receivers)
    {
        if (presence?.TakeQuestion(channel, message) == true)
            return true;
        if (DisconnectOrder.Of(channel, message) is { } disconnect)
            receivers.Run(loops, disconnect.CarryOut);
        else if (!TraceOrder.Is(channel, message))
            return false;
        else if (TraceOrder.Of(message) is { } order && traces?.Obey(order) is { } feed)
            receivers.Run(loops, connections => Trace(connections, order.GroupId, feed));
        return true;
    }

    private static void Trace(ReadOnlySpan<Connection> connections, VisionId group, TraceFeed feed)
    {
        foreach (var connection in connections)
        {
            if (connection.GroupId == group && connection.Trace(feed))
                feed.Tell(connection.Id, TraceEvent.Connected);
        }
    }

    private Task<bool> EnterAsync(ChannelName name, Connection connection)
    {
        while (true)
        {
            var channel = channels.GetOrAdd(name, static (key, count) => new HubChannel(key, count), loops.All.Length);
            lock (channel)
            {
                if (channel.IsRetired)
                    continue;
                // Before the subscription is asked for: its first message already finds the connection.
                channel.Add(connection);
                return channel is { IsSubscribed: true, Reconciling: null }
                    ? Task.FromResult(true)
                    : ReconcileOnce(channel);
            }
        }
    }

    private void Exit(ChannelName name, Connection connection)
    {
        var channel = channels[name];
        lock (channel)
        {
            channel.Remove(connection);
            if (channel.Subscribers == 0)
                _ = ReconcileOnce(channel);
        }
    }

    private Task<bool> ReconcileOnce(HubChannel channel)
    {
        if (channel.Reconciling is { } going)
            return going;
        var reconciling = ReconcileAsync(channel);
        if (!reconciling.IsCompleted)
            channel.Reconciling = reconciling;
        return reconciling;
    }

    /// <summary>
    /// Subscribes or unsubscribes until that is what the subscribers need. Everybody who needs the channel while this
    /// goes on waits for the same end. Ends in whether the channel is live.
    /// </summary>
    private async Task<bool> ReconcileAsync(HubChannel channel)
    {
        while (true)
        {
            bool isNeeded;
            lock (channel)
            {
                isNeeded = channel.Subscribers > 0;
                if (isNeeded == channel.IsSubscribed)
                {
                    if (!isNeeded)
                    {
                        channel.IsRetired = true;
                        channels.TryRemove(channel.Name, out _);
                    }
                    channel.Reconciling = null;
                    return isNeeded;
                }
            }
            bool done = false;
            try
            {
                if (isNeeded)
                    done = await SubscribeAsync(channel).ConfigureAwait(false);
                else
                    await UnsubscribeAsync(channel).ConfigureAwait(false);
            }
            finally
            {
                lock (channel)
                {
                    channel.IsSubscribed = done;
                    // Those who wait get a no and leave; the last of them reconciles the channel again, and so retires it.
                    if (isNeeded && !done)
                        channel.Reconciling = null;
                }
            }
            if (isNeeded && !done)
                return false;
        }
    }

    private async Task<bool> SubscribeAsync(HubChannel channel)
    {
        var place = history is null ? null : new ChannelPlace(history, channel.Receivers);
        channel.Place = place;
        bool live = await bus.SubscribeAsync(channel.Name, this, CancellationToken.None).ConfigureAwait(false);
        if (place is null)
            return live;
        if (live)
        {
            // What comes before this is known is held, and then dropped if it is older.
            var ends = await history!.Kept.Store.GetPositionsAsync([channel.Name], CancellationToken.None)
                .ConfigureAwait(false);
            if (ends is [var end])
            {
                place.Begin(end);
                return true;
            }
        }
        place.Close();
        if (live)
            await bus.UnsubscribeAsync(channel.Name, CancellationToken.None).ConfigureAwait(false);
        return false;
    }

    private Task UnsubscribeAsync(HubChannel channel)
    {
        channel.Place?.Close();
        return bus.UnsubscribeAsync(channel.Name, CancellationToken.None);
    }
}
