using System.Collections.Concurrent;
using Aether.Application.Ports;
using Aether.Domain;
using Aether.Infrastructure.Redis.Connections;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Aether.Infrastructure.Redis.Subscriptions;

/// <summary>
/// The channels that this instance hears, and whether Redis agrees. The client library restores its subscriptions after
/// a reconnect by itself, but says so before it is done; and one that it gave up may come to life later. So what is
/// wanted is kept here and compared with what is.
/// </summary>
internal sealed partial class RedisSubscriptions(
    RedisConnection connection,
    RedisNames names,
    RedisReceiver receiver,
    TimeProvider time,
    ILogger<RedisSubscriptions> logger) : IDisposable
{
    /// <summary>How many channels one question to Redis names.</summary>
    private const int BatchSize = 500;

    private readonly ConcurrentDictionary<ChannelName, MessageSubscription> subscriptions = new();
    private readonly ConcurrentDictionary<RedisChannel, OtherSubscription> others = new();
    private readonly ConcurrentDictionary<RedisChannel, RedisSubscription> leftovers = new();
    private readonly LogThrottle failureLog = new(time);

    // One channel is subscribed, ended and restored by one caller at a time.
    private readonly SemaphoreSlim[] stripes = [.. Enumerable.Range(0, 64).Select(_ => new SemaphoreSlim(1, 1))];
    private long confirmed;
    private long ended;

    /// <summary>How many channels are heard.</summary>
    public int Count => subscriptions.Count + others.Count;

    /// <summary>How many subscriptions Redis has confirmed, and how many have been ended, since the start.</summary>
    public (long Confirmed, long Ended) Totals => (Volatile.Read(ref confirmed), Volatile.Read(ref ended));

    private IEnumerable<RedisSubscription> All =>
        subscriptions.Values.AsEnumerable<RedisSubscription>().Concat(others.Values);

    /// <summary>What this instance hears of a channel; <see langword="null"/>: nothing.</summary>
    public RedisSubscription? Find(ChannelName channel) => subscriptions.GetValueOrDefault(channel);

    /// <summary>Whether this instance hears a channel that is none of V3.</summary>
    public bool Hears(RedisChannel name) => others.ContainsKey(name);

    /// <summary>The channels of V3 that are heard now.</summary>
    public IReadOnlyCollection<MessageSubscription> Messages() => [.. subscriptions.Values];

    /// <summary>Everyone who hears a channel, once.</summary>
    public IReadOnlyCollection<IMessageSink> Sinks()
    {
        var sinks = new HashSet<IMessageSink>(ReferenceEqualityComparer.Instance);
        foreach (var (_, subscription) in subscriptions)
            sinks.Add(subscription.Told);
        return sinks;
    }

    /// <summary>Leaves nothing behind on a connection that its host goes on with.</summary>
    public void Dispose()
    {
        if (!connection.IsShared || connection.Subscriber is not { } subscriber)
            return;
        foreach (var subscription in All)
        {
            subscription.Close();
            RedisFaults.Observe(subscriber.UnsubscribeAsync(subscription.Name));
        }
    }

    /// <summary>Subscribes; <see langword="true"/> only once Redis has confirmed it.</summary>
    public async Task<bool> SubscribeAsync(ChannelName channel, IMessageSink sink)
    {
        if (connection is not { Subscriber: { } subscriber, Sharded: { } sharded })
            return false;
        var name = names.Channel(channel, sharded);
        var stripe = StripeOf(name);
        await stripe.WaitAsync().ConfigureAwait(false);
        try
        {
            if (subscriptions.TryGetValue(channel, out var existing))
            {
                existing.Sink = sink;
                return true;
            }
            var subscription = new MessageSubscription(channel, name, sink, receiver);
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

    /// <summary>Subscribes to a channel that is none of V3, in the same way.</summary>
    public async Task<bool> SubscribeAsync(OtherSubscription subscription)
    {
        if (connection.Subscriber is not { } subscriber)
            return false;
        var stripe = StripeOf(subscription.Name);
        await stripe.WaitAsync().ConfigureAwait(false);
        try
        {
            if (others.ContainsKey(subscription.Name))
                return true;
            if (!await TrySubscribeAsync(subscriber, subscription).ConfigureAwait(false))
                return false;
            others[subscription.Name] = subscription;
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
        if (Find(channel) is not { Name: var name })
            return;
        var stripe = StripeOf(name);
        await stripe.WaitAsync().ConfigureAwait(false);
        try
        {
            if (subscriptions.TryRemove(channel, out var subscription))
                await CloseAsync(subscription).ConfigureAwait(false);
        }
        finally
        {
            stripe.Release();
        }
    }

    /// <summary>Ends a subscription to a channel that is none of V3.</summary>
    public async Task UnsubscribeAsync(RedisChannel name)
    {
        var stripe = StripeOf(name);
        await stripe.WaitAsync().ConfigureAwait(false);
        try
        {
            if (others.TryRemove(name, out var subscription))
                await CloseAsync(subscription).ConfigureAwait(false);
        }
        finally
        {
            stripe.Release();
        }
    }

    /// <summary>
    /// Ends what could not be ended before: a subscription that was given up may have reached Redis after all, and
    /// would count as an instance that hears the channel.
    /// </summary>
    public async Task SweepAsync()
    {
        if (leftovers.IsEmpty || connection.Subscriber is not { } subscriber)
            return;
        // After an outage there may be thousands, and Redis has heard of few of them.
        foreach (var batch in leftovers.Values.Chunk(BatchSize))
        {
            var known = batch.ToDictionary(leftover => leftover, _ => 0L);
            foreach (var server in connection.SubscriptionServers)
            {
                long[] counts = await CountAsync(server, batch).ConfigureAwait(false);
                for (int i = 0; i < batch.Length; i++)
                    known[batch[i]] += counts[i];
            }
            await Task.WhenAll(batch.Select(leftover => SweepAsync(subscriber, leftover.Name, known[leftover] > 0)))
                .ConfigureAwait(false);
        }
    }

    private async Task SweepAsync(ISubscriber subscriber, RedisChannel name, bool isHeard)
    {
        var stripe = StripeOf(name);
        await stripe.WaitAsync().ConfigureAwait(false);
        try
        {
            if (!leftovers.TryRemove(name, out var left) || !isHeard || IsWanted(left))
                return;
            // The client ends only what it holds for live, so it has to be subscribed first.
            var leftover = new OtherSubscription(name, static _ => { });
            leftover.Close();
            if (await TrySubscribeAsync(subscriber, leftover).ConfigureAwait(false))
                await EndAsync(subscriber, leftover).ConfigureAwait(false);
        }
        finally
        {
            stripe.Release();
        }
    }

    private bool IsWanted(RedisSubscription subscription) =>
        subscription is MessageSubscription { Channel: var channel }
            ? subscriptions.ContainsKey(channel)
            : others.ContainsKey(subscription.Name);

    private async Task CloseAsync(RedisSubscription subscription)
    {
        subscription.Close();
        Interlocked.Increment(ref ended);
        if (connection.Subscriber is { } subscriber)
            await EndAsync(subscriber, subscription).ConfigureAwait(false);
    }

    private async Task<bool> TrySubscribeAsync(ISubscriber subscriber, RedisSubscription subscription)
    {
        try
        {
            subscription.Queue = await subscriber.SubscribeAsync(subscription.Name, RedisConnection.Primary).ConfigureAwait(false);
            subscription.Queue.OnMessage(subscription.OnMessage);
            // Now and not with the next look: its slot may have moved by then.
            subscription.Home = subscriber.SubscribedEndpoint(subscription.Name);
            return true;
        }
        catch (Exception e) when (RedisFaults.IsExpected(e))
        {
            if (failureLog.Passes(out long count))
                logger.SubscribeFailed(e.GetType().Name, count);
            // The client keeps what failed and would bring it to life with the next connection.
            await EndAsync(subscriber, subscription).ConfigureAwait(false);
            leftovers[subscription.Name] = subscription;
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
            leftovers[subscription.Name] = subscription;
    }

    private SemaphoreSlim StripeOf(RedisChannel name) => stripes[(uint)name.GetHashCode() % stripes.Length];
}
