using System.Net;
using Aether.Application;
using Aether.Application.Wire;
using Aether.Domain;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace Aether.Infrastructure.Redis;

/// <summary>
/// Takes what arrives on a channel. Anybody may publish there, so each message is checked once before a sink sees it.
/// Nothing here waits or throws: the client library's queue behind it has no bound and swallows exceptions.
/// </summary>
internal sealed class RedisReceiver(
    IOptions<RealtimeOptions> options,
    RedisConnection connection,
    RedisMetrics metrics,
    TimeProvider time,
    ILogger<RedisReceiver> logger)
{
    /// <summary>Room for the fields around a payload that just fits: names, ids, times.</summary>
    private const int EnvelopeBytes = 4_096;

    private readonly int maxBytes = options.Value.MaxMessageBytes + EnvelopeBytes;
    private readonly LogThrottle garbageLog = new(time);
    private readonly LogThrottle droppedLog = new(time);
    private readonly LogThrottle lateLog = new(time);
    private readonly LogThrottle faultLog = new(time);
    private volatile EndPoint[] stalled = [];
    private int dropped;

    /// <summary>
    /// The servers that have stopped answering. What comes from one of them is late: its publisher may have been told
    /// that it went nowhere. It is dropped, and told as a gap.
    /// </summary>
    public EndPoint[] Stalled
    {
        get => stalled;
        set => stalled = value;
    }

    /// <summary>Whether messages were dropped since the last call because a sink had no room for them.</summary>
    public bool TakeDropped() => Interlocked.Exchange(ref dropped, 0) != 0;

    public void Receive(RedisSubscription subscription, RedisValue value)
    {
        if (subscription.IsClosed)
            return;
        if (stalled.Length > 0 && IsLate(subscription.Name))
        {
            metrics.Dropped();
            if (lateLog.Passes(out long late))
                logger.Dropped("their server had stopped answering, so they are late", late);
            return;
        }
        if (Check(subscription.Channel, value, out var message) is { } rule)
        {
            metrics.Garbage();
            if (garbageLog.Passes(out long count))
                logger.Garbage(rule, count);
            return;
        }
        try
        {
            if (subscription.Sink.TryReceive(subscription.Channel, message!))
                return;
        }
        catch (Exception e)
        {
            if (faultLog.Passes(out long faults))
                logger.SinkFailed(e.GetType().Name, faults);
        }
        metrics.Dropped();
        Volatile.Write(ref dropped, 1);
        if (droppedLog.Passes(out long drops))
            logger.Dropped("there was no room for them", drops);
    }

    private bool IsLate(RedisChannel name) =>
        connection.Subscriber?.SubscribedEndpoint(name) is not { } server || Array.IndexOf(stalled, server) >= 0;

    /// <returns>The rule that is broken; <see langword="null"/> if the message belongs on the channel.</returns>
    private string? Check(ChannelName channel, RedisValue value, out Message? message)
    {
        message = null;
        if (value.Length() > maxBytes)
            return "message: too long";
        var group = channel.Kind == ChannelKind.Group ? channel.Id : default;
        if (!MessageReader.TryRead((ReadOnlyMemory<byte>)value, default, group, out message, out var error))
            return error.ToString();
        if (message.Type == MessageType.Heartbeat)
            return "msg_type: heartbeats are not published";
        return channel.Kind switch
        {
            ChannelKind.Group when message.Target != Target.Group => "target: must be group on a group channel",
            ChannelKind.Group when message.GroupId != channel.Id => "group_id: must be the group of the channel",
            ChannelKind.Client when message.Target != Target.Direct => "target: must be direct on a client channel",
            ChannelKind.Client when message.ToId != channel.Id => "to_id: must be the client of the channel",
            ChannelKind.Broadcast when message.Target != Target.Broadcast => "target: must be broadcast",
            _ => null,
        };
    }
}
