using System.Collections.Concurrent;
using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Domain;

namespace Aether.Application.Delivery;

/// <summary>
/// Knows which connections of this instance hear which channel. The first connection of a channel subscribes the
/// instance, the last one that leaves ends the subscription, and however they race the bus is asked one thing at a
/// time per channel.
/// </summary>
public sealed class Hub(IChannelSubscriptions bus, DeliveryLoops loops, ServerMessages messages) : IMessageSink
{
    private readonly ConcurrentDictionary<ChannelName, ChannelReceivers> channels = new();

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
        if (!channels.TryGetValue(channel, out var receivers))
            return true;
        if (DisconnectOrder.Of(channel, message) is not { } order)
            return receivers.TryPut(loops, Frame.Of(message));
        receivers.Run(loops, order.CarryOut);
        return true;
    }

    /// <inheritdoc/>
    public ValueTask ReceiveAsync(ChannelName channel, Message message, CancellationToken cancellationToken)
    {
        if (!channels.TryGetValue(channel, out var receivers))
            return default;
        if (DisconnectOrder.Of(channel, message) is not { } order)
            return receivers.PutAsync(loops, Frame.Of(message));
        receivers.Run(loops, order.CarryOut);
        return default;
    }

    /// <summary>Puts a frame that is no V3 message before all who hear a channel, if there is room for it.</summary>
    public bool TryPut(ChannelName channel, Frame frame) =>
        !channels.TryGetValue(channel, out var receivers) || receivers.TryPut(loops, frame);

    /// <summary>As <see cref="TryPut"/>, but completes when there was room for it.</summary>
    public ValueTask PutAsync(ChannelName channel, Frame frame) =>
        channels.TryGetValue(channel, out var receivers) ? receivers.PutAsync(loops, frame) : default;

    /// <inheritdoc/>
    public void ReportGap(DateTime since)
    {
        if (!channels.TryGetValue(ChannelName.Broadcast, out var everyone))
            return;
        foreach (var loop in loops.All)
        {
            loop.Run(() =>
            {
                foreach (var connection in everyone.Of(loop).All)
                {
                    if (!connection.Full)
                        continue;
                    connection.Write(Frame.Of(messages.Gap(connection.ClientId, connection.GroupId, since)));
                    loop.Touch(connection);
                }
            });
        }
    }

    private Task<bool> EnterAsync(ChannelName name, Connection connection)
    {
        while (true)
        {
            var channel = channels.GetOrAdd(name, static (key, count) => new ChannelReceivers(key, count),
                loops.All.Length);
            lock (channel)
            {
                if (channel.Retired)
                    continue;
                channel.Want(connection.Loop, 1);
                // Seated before the subscription is asked for: its first message already finds the connection.
                connection.Loop.Run(() => connection.Loop.Add(channel.Of(connection.Loop), connection));
                return channel is { Subscribed: true, Settling: null } ? Task.FromResult(true) : SettleOnce(channel);
            }
        }
    }

    private void Exit(ChannelName name, Connection connection)
    {
        var channel = channels[name];
        lock (channel)
        {
            connection.Loop.Run(() => channel.Of(connection.Loop).Remove(connection));
            channel.Want(connection.Loop, -1);
            if (channel.Wanted == 0)
                _ = SettleOnce(channel);
        }
    }

    private Task<bool> SettleOnce(ChannelReceivers channel)
    {
        if (channel.Settling is { } going)
            return going;
        var settling = SettleAsync(channel);
        if (!settling.IsCompleted)
            channel.Settling = settling;
        return settling;
    }

    /// <summary>
    /// Asks the bus for what is wanted until what it has is what is wanted. Everybody who needs the channel while this
    /// goes on waits for the same end. Ends in whether the channel is live.
    /// </summary>
    private async Task<bool> SettleAsync(ChannelReceivers channel)
    {
        while (true)
        {
            bool wanted;
            lock (channel)
            {
                wanted = channel.Wanted > 0;
                if (wanted == channel.Subscribed)
                {
                    if (!wanted)
                    {
                        channel.Retired = true;
                        channels.TryRemove(channel.Name, out _);
                    }
                    channel.Settling = null;
                    return wanted;
                }
            }
            bool done = false;
            try
            {
                if (wanted)
                    done = await bus.SubscribeAsync(channel.Name, this, CancellationToken.None).ConfigureAwait(false);
                else
                    await bus.UnsubscribeAsync(channel.Name, CancellationToken.None).ConfigureAwait(false);
            }
            finally
            {
                lock (channel)
                {
                    channel.Subscribed = done;
                    // Those who wait get a no and leave; the last of them settles the channel again, and so retires it.
                    if (wanted && !done)
                        channel.Settling = null;
                }
            }
            if (wanted && !done)
                return false;
        }
    }
}
