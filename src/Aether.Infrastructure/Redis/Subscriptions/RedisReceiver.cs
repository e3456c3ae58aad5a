using System.Net;
using Aether.Application.Wire;
using Aether.Domain;
using Aether.Infrastructure.Redis.Connections;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Aether.Infrastructure.Redis.Subscriptions;

/// <summary>
/// Takes what arrives on a channel. Anybody may publish there, so each message is checked once before a sink sees it.
/// Nothing here waits or throws: the client library's queue behind it has no bound and swallows exceptions.
/// </summary>
internal sealed class RedisReceiver(
    RedisConnection connection,
    RedisMetrics metrics,
    TimeProvider time,
    ILogger<RedisReceiver> logger)
{
    // Publishers wait a little longer than the first, and a probe is sent a second after the last one at the latest.
    private static readonly TimeSpan GivenUpAfter = RedisConnection.AnswerTimeout - TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan ProbeWait = TimeSpan.FromMilliseconds(800);

    private readonly LogThrottle garbageLog = new(time);
    private readonly LogThrottle droppedLog = new(time);
    private readonly LogThrottle lateLog = new(time);
    private readonly LogThrottle faultLog = new(time);
    private volatile EndPoint[] stalled = [];
    private int dropped;

    // Timestamps of sending: of the last probe that was heard, and of the first one after it that was not; 0: none.
    private long heard;
    private long unheard;
    private int doubts;
    private volatile bool doubted;

    /// <summary>
    /// The servers that have stopped answering. What comes from one of them is late: its publisher may have been told
    /// that it went nowhere. It is dropped, and told as a gap.
    /// </summary>
    public EndPoint[] Stalled
    {
        get => stalled;
        set => stalled = value;
    }

    /// <summary>
    /// Whether Redis stood still for so long that publishers gave up messages which it may bring after all. All that
    /// comes is dropped until this is cleared.
    /// </summary>
    public bool Doubted => doubted;

    /// <summary>How often that was found.</summary>
    public int Doubts => Volatile.Read(ref doubts);

    /// <summary>
    /// A probe is about to be published. Its sending and its hearing say for how long Redis cannot have stood still.
    /// </summary>
    public void ProbeSent(long at) => Interlocked.CompareExchange(ref unheard, at, 0);

    /// <summary>The newest probe was heard.</summary>
    public void ProbeHeard(long sentAt)
    {
        // Whoever waited for Redis may be behind this probe: it was only the first to be served.
        if (StoodStill())
            Doubt();
        Volatile.Write(ref unheard, 0);
        Volatile.Write(ref heard, sentAt);
    }

    /// <summary>Whatever was given up is through.</summary>
    public void ClearDoubt() => doubted = false;

    /// <summary>Whether a sink did not take messages since the last call.</summary>
    public Drops TakeDropped() => (Drops)Interlocked.Exchange(ref dropped, 0);

    public void Receive(MessageSubscription subscription, RedisValue value)
    {
        if (subscription.IsClosed)
            return;
        if (!doubted && StoodStill())
            Doubt();
        if (doubted || (stalled.Length > 0 && IsLate(subscription.Name)))
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
        var kind = Drops.Known;
        try
        {
            if (subscription.Sink.TryReceive(subscription.Channel, message!))
                return;
        }
        catch (Exception e)
        {
            kind = Drops.Unknown;
            if (faultLog.Passes(out long faults))
                logger.SinkFailed(e.GetType().Name, faults);
        }
        metrics.Dropped();
        Interlocked.Or(ref dropped, (int)kind);
        if (droppedLog.Passes(out long drops))
            logger.Dropped("there was no room for them", drops);
    }

    /// <summary>
    /// Whether it may be that a publish was given up and is carried out only now. Then nothing was published for that
    /// long, our probe neither. The second question is whether a probe waits at all: an instance that had no time to
    /// send one must not blame Redis.
    /// </summary>
    private bool StoodStill()
    {
        long waits = Volatile.Read(ref unheard);
        return waits != 0
            && Volatile.Read(ref heard) is var last and not 0
            && time.GetElapsedTime(last) > GivenUpAfter
            && time.GetElapsedTime(waits) > ProbeWait;
    }

    private void Doubt()
    {
        Interlocked.Increment(ref doubts);
        doubted = true;
    }

    private bool IsLate(RedisChannel name) =>
        connection.Subscriber?.SubscribedEndpoint(name) is not { } server || Array.IndexOf(stalled, server) >= 0;

    /// <returns>The rule that is broken; <see langword="null"/> if the message belongs on the channel.</returns>
    public static string? Check(ChannelName channel, RedisValue value, out Message? message)
    {
        message = null;
        // Not what this instance takes from its clients: another one may take more, and has told its sender that it did.
        if (value.Length() > MessageSize.MaxPublished)
            return "message: too long";
        var group = channel.Kind == ChannelKind.Group ? channel.Id : default;
        if (!MessageReader.TryRead(
                (ReadOnlyMemory<byte>)value, default, group, out message, out var error, MessageOrigin.Backplane))
            return error.ToString();
        if (message.Type == MessageType.Heartbeat)
            return "msg_type: heartbeats are not published";
        if (!ServerCommands.MayComeFromAnInstance(message))
            return "cmd: must not be one that an instance says to its own connections alone";
        bool isTraced = message.FromId == VisionId.Server && message.Cmd == ServerCommands.Traced;
        if (isTraced != (channel.Kind == ChannelKind.Trace))
            return "cmd: what a trace tells belongs on its channel, and nothing else";
        if (message is { Type: MessageType.Presence, Target: not Target.Group })
            return "target: must be group for presence, which is the whole group's";
        if (message.Type == MessageType.Presence && message.FromId != VisionId.Server
            && message.Cmd is not ("join" or "leave" or "update"))
            return "cmd: must be join, leave or update for presence";
        // What a trace tells is for whoever traces, as a direct message is for its client.
        var kind = channel.Kind == ChannelKind.Trace ? ChannelKind.Client : channel.Kind;
        if (message.Channel is not { } own || own.Kind != kind)
            return "target: must be one that travels through this kind of channel";
        if (own.Id == channel.Id)
            return null;
        return kind == ChannelKind.Client
            ? "to_id: must be the one of the channel"
            : "group_id: must be the group of the channel";
    }
}

/// <summary>Whether a sink did not take messages.</summary>
internal enum Drops
{
    /// <summary>It took all.</summary>
    None = 0,

    /// <summary>It had no room for some, and knows which.</summary>
    Known = 1,

    /// <summary>It failed, and may not know.</summary>
    Unknown = 3,
}
