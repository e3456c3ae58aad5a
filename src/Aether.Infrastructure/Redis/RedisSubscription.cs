using Aether.Application.Ports;
using Aether.Domain;
using StackExchange.Redis;

namespace Aether.Infrastructure.Redis;

/// <summary>
/// One channel that this instance hears. There are tens of thousands of these; beside it the client library keeps a
/// queue for each channel, about 2.6 kB, which is what it takes to keep a channel's order (its cheaper callback does
/// not).
/// </summary>
internal sealed class RedisSubscription(
    ChannelName channel, RedisChannel name, IMessageSink sink, RedisReceiver receiver)
{
    private volatile bool closed;

    public ChannelName Channel => channel;

    /// <summary>The channel as Redis knows it.</summary>
    public RedisChannel Name => name;

    public IMessageSink Sink { get; set; } = sink;

    /// <summary>The client library's own subscription; another one after each time it had to be made anew.</summary>
    public ChannelMessageQueue? Queue { get; set; }

    /// <summary>Whether it has ended: what its queue still holds is delivered to nobody.</summary>
    public bool IsClosed => closed;

    public void Close() => closed = true;

    public void OnMessage(ChannelMessage message) => receiver.Receive(this, message.Message);
}
