using System.Net;
using Aether.Application.Ports;
using Aether.Domain;
using StackExchange.Redis;

namespace Aether.Infrastructure.Redis.Subscriptions;

/// <summary>
/// One channel that this instance hears. There are tens of thousands of these; beside it the client library keeps a
/// queue for each channel, about 2.6 kB, which is what it takes to keep a channel's order (its cheaper callback does
/// not).
/// </summary>
internal abstract class RedisSubscription(RedisChannel name)
{
    private volatile bool closed;

    /// <summary>The channel as Redis knows it.</summary>
    public RedisChannel Name => name;

    /// <summary>Who is told of a gap, if anybody is.</summary>
    public virtual IMessageSink? Told => null;

    /// <summary>The client library's own subscription; another one after each time it had to be made anew.</summary>
    public ChannelMessageQueue? Queue { get; set; }

    /// <summary>The server on which it was last seen to live; only looked at on a cluster.</summary>
    public EndPoint? Home { get; set; }

    /// <summary>Whether it has ended: what its queue still holds is delivered to nobody.</summary>
    public bool IsClosed => closed;

    public void Close() => closed = true;

    public abstract void OnMessage(ChannelMessage message);
}

/// <summary>A channel of V3.</summary>
internal sealed class MessageSubscription(
    ChannelName channel, RedisChannel name, IMessageSink sink, RedisReceiver receiver) : RedisSubscription(name)
{
    public ChannelName Channel => channel;

    public IMessageSink Sink { get; set; } = sink;

    public override IMessageSink Told => Sink;

    public override void OnMessage(ChannelMessage message) => receiver.Receive(this, message.Message);
}

/// <summary>A channel whose messages are somebody else's business.</summary>
internal sealed class OtherSubscription(RedisChannel name, Action<RedisValue> receive) : RedisSubscription(name)
{
    public override void OnMessage(ChannelMessage message)
    {
        if (!IsClosed)
            receive(message.Message);
    }
}
