using System.Collections.Concurrent;
using System.Net;
using Aether.Application.Ports;
using Aether.Domain;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Aether.Infrastructure.Redis;

/// <summary>
/// The channels that this instance hears, and whether Redis agrees. The client library restores its subscriptions after
/// a reconnect by itself, but says so before it is done; and one that it gave up may come to life later. So what is
/// wanted is kept here and compared with what is.
/// </summary>
internal sealed class RedisSubscriptions(
    RedisConnection connection,
    RedisNames names,
    RedisReceiver receiver,
    TimeProvider time,
    ILogger<RedisSubscriptions> logger)
{
    /// <summary>How many channels one question to Redis names.</summary>
    private const int BatchSize = 500;

    private readonly ConcurrentDictionary<ChannelName, RedisSubscription> subscriptions = new();
    private readonly ConcurrentDictionary<ChannelName, bool> leftovers = new();
    private readonly LogThrottle failureLog = new(time);

    // One channel is subscribed, ended and restored by one caller at a time.
    private readonly SemaphoreSlim[] stripes = [.. Enumerable.Range(0, 64).Select(_ => new SemaphoreSlim(1, 1))];
    private long confirmed;
    private long ended;

    /// <summary>How many channels are heard.</summary>
    public int Count => subscriptions.Count;

    /// <summary>How many subscriptions Redis has confirmed, and how many have been ended, since the start.</summary>
    public (long Confirmed, long Ended) Totals => (Volatile.Read(ref confirmed), Volatile.Read(ref ended));

    /// <summary>The channel as Redis knows it, without building it anew if this instance hears it.</summary>
    public RedisChannel NameOf(ChannelName channel, bool sharded) =>
        subscriptions.TryGetValue(channel, out var heard) ? heard.Name : names.Channel(channel, sharded);

    /// <summary>Everyone who hears a channel, once.</summary>
    public IReadOnlyCollection<IMessageSink> Sinks()
    {
        var sinks = new HashSet<IMessageSink>(ReferenceEqualityComparer.Instance);
        foreach (var (_, subscription) in subscriptions)
            sinks.Add(subscription.Sink);
        return sinks;
    }

    /// <summary>Subscribes; <see langword="true"/> only once Redis has confirmed it.</summary>
    public async Task<bool> SubscribeAsync(ChannelName channel, IMessageSink sink)
    {
        if (connection is not { Subscriber: { } subscriber, Sharded: { } sharded })
            return false;
        var stripe = StripeOf(channel);
        await stripe.WaitAsync().ConfigureAwait(false);
        try
        {
            if (subscriptions.TryGetValue(channel, out var existing))
            {
                existing.Sink = sink;
                return true;
            }
            var subscription = new RedisSubscription(channel, names.Channel(channel, sharded), sink, receiver);
            if (!await TrySubscribeAsync(subscriber, subscription).ConfigureAwait(false))
                return false;
            subscriptions[channel] = subscription;
            Interlocked.Increment(ref confirmed);
            return true;
        }
        finally
        {
            stripe.Release();
        }
    }

    /// <summary>Ends a subscription. Whatever Redis says, nothing of the channel is delivered from now on.</summary>
    public async Task UnsubscribeAsync(ChannelName channel)
    {
        var stripe = StripeOf(channel);
        await stripe.WaitAsync().ConfigureAwait(false);
        try
        {
            if (!subscriptions.TryRemove(channel, out var subscription))
                return;
            subscription.Close();
            Interlocked.Increment(ref ended);
            if (connection.Subscriber is { } subscriber)
                await EndAsync(subscriber, subscription).ConfigureAwait(false);
        }
        finally
        {
            stripe.Release();
        }
    }

    /// <summary>
    /// Makes sure that Redis knows of every channel. The client's own restoring is given time as long as it gets
    /// on; what it does not bring back is subscribed anew.
    /// </summary>
    /// <param name="all">Subscribe every channel anew: something is missing, and it cannot be told what.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>Whether every channel was found live.</returns>
    public async Task<bool> RestoreAsync(bool all, CancellationToken cancellationToken)
    {
        var missing = all ? [.. subscriptions.Values] : await FindMissingAsync(cancellationToken).ConfigureAwait(false);
        if (missing.Count == 0)
            return true;
        if (!all)
        {
            int before;
            do
            {
                before = missing.Count;
                await Task.Delay(TimeSpan.FromMilliseconds(50), time, cancellationToken).ConfigureAwait(false);
                missing = await FindMissingAsync(cancellationToken).ConfigureAwait(false);
            }
            while (missing.Count > 0 && missing.Count < before);
            if (missing.Count == 0)
                return true;
        }
        bool whole = true;
        foreach (var batch in missing.Chunk(BatchSize))
        {
            cancellationToken.ThrowIfCancellationRequested();
            bool[] restored = await Task.WhenAll(batch.Select(ResubscribeAsync)).ConfigureAwait(false);
            whole &= Array.TrueForAll(restored, static one => one);
        }
        logger.Resubscribed(missing.Count);
        return whole;
    }

    /// <summary>
    /// Ends what could not be ended before: a subscription that was given up may have reached Redis after all, and
    /// would count as an instance that hears the channel.
    /// </summary>
    public async Task SweepAsync()
    {
        if (leftovers.IsEmpty || connection is not { Subscriber: { } subscriber, Sharded: { } sharded })
            return;
        // After an outage there may be thousands, and Redis has heard of few of them.
        foreach (var batch in leftovers.Keys.Chunk(BatchSize))
        {
            var known = batch.ToDictionary(channel => channel, _ => 0L);
            foreach (var server in connection.SubscriptionServers)
            {
                long[] counts = await CountAsync(server, [.. batch.Select(channel => names.Channel(channel, sharded))])
                    .ConfigureAwait(false);
                for (int i = 0; i < batch.Length; i++)
                    known[batch[i]] += counts[i];
            }
            await Task.WhenAll(batch.Select(channel => SweepAsync(subscriber, channel, sharded, known[channel] > 0)))
                .ConfigureAwait(false);
        }
    }

    private async Task SweepAsync(ISubscriber subscriber, ChannelName channel, bool sharded, bool isHeard)
    {
        var stripe = StripeOf(channel);
        await stripe.WaitAsync().ConfigureAwait(false);
        try
        {
            leftovers.TryRemove(channel, out _);
            if (!isHeard || subscriptions.ContainsKey(channel))
                return;
            // The client ends only what it holds for live, so it has to be subscribed first.
            var leftover = new RedisSubscription(channel, names.Channel(channel, sharded), NoSink.Instance, receiver);
            leftover.Close();
            if (await TrySubscribeAsync(subscriber, leftover).ConfigureAwait(false))
                await EndAsync(subscriber, leftover).ConfigureAwait(false);
        }
        finally
        {
            stripe.Release();
        }
    }

    private async Task<bool> TrySubscribeAsync(ISubscriber subscriber, RedisSubscription subscription)
    {
        try
        {
            subscription.Queue = await subscriber.SubscribeAsync(subscription.Name).ConfigureAwait(false);
            subscription.Queue.OnMessage(subscription.OnMessage);
            return true;
        }
        catch (Exception e) when (RedisFaults.IsExpected(e))
        {
            if (failureLog.Passes(out long count))
                logger.SubscribeFailed(e.GetType().Name, count);
            // The client keeps what failed and would bring it to life with the next connection.
            await EndAsync(subscriber, subscription).ConfigureAwait(false);
            leftovers[subscription.Channel] = true;
            return false;
        }
    }

    private async Task EndAsync(ISubscriber subscriber, RedisSubscription subscription)
    {
        bool known = subscriber.SubscribedEndpoint(subscription.Name) is not null;
        try
        {
            await subscriber.UnsubscribeAsync(subscription.Name).ConfigureAwait(false);
        }
        catch (Exception e) when (RedisFaults.IsExpected(e))
        {
            known = false;
        }
        if (!known)
            leftovers[subscription.Channel] = true;
    }

    private async Task<bool> ResubscribeAsync(RedisSubscription subscription)
    {
        if (connection.Subscriber is not { } subscriber)
            return false;
        var stripe = StripeOf(subscription.Channel);
        await stripe.WaitAsync().ConfigureAwait(false);
        try
        {
            if (subscription.IsClosed)
                return true;
            var old = subscription.Queue;
            await EndAsync(subscriber, subscription).ConfigureAwait(false);
            // Two queues of one channel would mix up its order, so the old one runs empty first.
            if (old is not null)
                await old.Completion.WaitAsync(TimeSpan.FromSeconds(1), time)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return await TrySubscribeAsync(subscriber, subscription).ConfigureAwait(false);
        }
        finally
        {
            stripe.Release();
        }
    }

    /// <summary>The channels that the client does not hold as live, or that Redis says nobody hears.</summary>
    private async Task<List<RedisSubscription>> FindMissingAsync(CancellationToken cancellationToken)
    {
        var missing = new List<RedisSubscription>();
        var byServer = new Dictionary<EndPoint, List<RedisSubscription>>();
        foreach (var (_, subscription) in subscriptions)
        {
            if (connection.Subscriber?.SubscribedEndpoint(subscription.Name) is not { } server)
                missing.Add(subscription);
            else if (byServer.TryGetValue(server, out var list))
                list.Add(subscription);
            else
                byServer.Add(server, [subscription]);
        }
        foreach (var server in connection.SubscriptionServers)
        {
            if (!byServer.Remove(server.EndPoint, out var list))
                continue;
            foreach (var batch in list.Chunk(BatchSize))
            {
                cancellationToken.ThrowIfCancellationRequested();
                long[] counts = await CountAsync(server, [.. batch.Select(one => one.Name)]).ConfigureAwait(false);
                for (int i = 0; i < batch.Length; i++)
                {
                    if (counts[i] == 0 && !batch[i].IsClosed)
                        missing.Add(batch[i]);
                }
            }
        }
        foreach (var (_, list) in byServer)
            missing.AddRange(list);
        return missing;
    }

    private async Task<long[]> CountAsync(IServer server, RedisChannel[] channels)
    {
        object[] arguments =
            [connection.Sharded == true ? "SHARDNUMSUB" : "NUMSUB", .. channels.Select(one => one.ToString())];
        var reply = (RedisResult[])(await server.ExecuteAsync("PUBSUB", arguments).ConfigureAwait(false))!;
        long[] counts = new long[channels.Length];
        // Name, count, name, count: in the order asked for.
        for (int i = 0; i < counts.Length && (2 * i) + 1 < reply.Length; i++)
            counts[i] = (long)reply[(2 * i) + 1];
        return counts;
    }

    private SemaphoreSlim StripeOf(ChannelName channel) => stripes[(uint)channel.GetHashCode() % stripes.Length];

    /// <summary>Hears nothing: a leftover is closed before it is subscribed.</summary>
    private sealed class NoSink : IMessageSink
    {
        public static readonly NoSink Instance = new();

        public bool TryReceive(ChannelName channel, Message message) => true;

        public ValueTask ReceiveAsync(ChannelName channel, Message message, CancellationToken cancellationToken) =>
            default;

        public void ReportGap(DateTime since)
        {
        }
    }
}
