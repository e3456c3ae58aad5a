using System.Net;
using StackExchange.Redis;

namespace Aether.Infrastructure.Redis.Subscriptions;

/// <summary>Whether every channel lives where it is published, one by one, and what brings it there.</summary>
internal sealed partial class RedisSubscriptions
{
    /// <summary>
    /// Where the client holds every channel for live. A cluster moves channels with their slots, and tells nobody but
    /// the client library.
    /// </summary>
    public Whereabouts Look()
    {
        var counts = new Dictionary<EndPoint, long>();
        int moved = 0, nowhere = 0;
        foreach (var subscription in All)
        {
            var home = connection.Subscriber?.SubscribedEndpoint(subscription.Name);
            if (home is null)
            {
                // One that has just been ended is nowhere, and not in the books any more.
                if (!subscription.IsClosed)
                    nowhere++;
                continue;
            }
            if (subscription.Home is { } before && !before.Equals(home))
                moved++;
            subscription.Home = home;
            counts[home] = counts.GetValueOrDefault(home) + 1;
        }
        return new Whereabouts(counts, moved, nowhere);
    }

    /// <summary>
    /// Makes sure that every channel lives on one of the servers where it is published. The client's own restoring is
    /// given time as long as it gets on; what it does not bring there is subscribed anew.
    /// </summary>
    /// <param name="homes">The servers that channels are published on.</param>
    /// <param name="all">Subscribe every channel anew: something is missing, and it cannot be told what.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>Whether every channel was found live.</returns>
    public async Task<bool> RestoreAsync(
        IReadOnlySet<EndPoint> homes, bool all, CancellationToken cancellationToken)
    {
        var missing = all ? [.. All] : await FindMissingAsync(homes, cancellationToken).ConfigureAwait(false);
        if (missing.Count == 0)
            return true;
        if (!all)
        {
            int before;
            do
            {
                before = missing.Count;
                await Task.Delay(TimeSpan.FromMilliseconds(50), time, cancellationToken).ConfigureAwait(false);
                missing = await FindMissingAsync(homes, cancellationToken).ConfigureAwait(false);
            }
            while (missing.Count > 0 && missing.Count < before);
            if (missing.Count == 0)
                return true;
        }
        bool whole = true;
        foreach (var batch in missing.Chunk(BatchSize))
        {
            cancellationToken.ThrowIfCancellationRequested();
            bool[] restored = await Task.WhenAll(batch.Select(one => ResubscribeAsync(one, homes))).ConfigureAwait(false);
            whole &= Array.TrueForAll(restored, static one => one);
        }
        logger.Resubscribed(missing.Count);
        return whole;
    }

    /// <summary>
    /// The channels that the client holds as live nowhere or on a server where nobody publishes them, or that Redis
    /// says nobody hears.
    /// </summary>
    public async Task<List<RedisSubscription>> FindMissingAsync(
        IReadOnlySet<EndPoint> homes, CancellationToken cancellationToken)
    {
        var missing = new List<RedisSubscription>();
        var byServer = new Dictionary<EndPoint, List<RedisSubscription>>();
        foreach (var subscription in All)
        {
            if (connection.Subscriber?.SubscribedEndpoint(subscription.Name) is not { } server
                || !homes.Contains(server))
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
                long[] counts = await CountAsync(server, batch).ConfigureAwait(false);
                for (int i = 0; i < batch.Length; i++)
                {
                    if (counts[i] == 0)
                        missing.Add(batch[i]);
                }
            }
        }
        foreach (var (_, list) in byServer)
            missing.AddRange(list);
        missing.RemoveAll(static one => one.IsClosed);
        return missing;
    }

    private async Task<bool> ResubscribeAsync(RedisSubscription subscription, IReadOnlySet<EndPoint> homes)
    {
        if (connection.Subscriber is not { } subscriber)
            return false;
        var stripe = StripeOf(subscription.Name);
        await stripe.WaitAsync().ConfigureAwait(false);
        try
        {
            if (subscription.IsClosed)
                return true;
            var old = subscription.Queue;
            var elsewhere = subscriber.SubscribedEndpoint(subscription.Name) is { } at && !homes.Contains(at)
                ? connection.SubscriptionServers.FirstOrDefault(server => server.EndPoint.Equals(at))
                : null;
            await EndAsync(subscriber, subscription).ConfigureAwait(false);
            // The client ends nothing on what has become a replica, where everything would be heard a second time. A
            // cluster ends it by itself.
            if (elsewhere is not null && !subscription.Name.IsSharded)
                await elsewhere.ExecuteAsync("UNSUBSCRIBE", subscription.Name.ToString()).ConfigureAwait(false);
            // Two queues of one channel would mix up its order, so the old one runs empty first.
            if (old is not null)
                await old.Completion.WaitAsync(TimeSpan.FromSeconds(1), time)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return await TrySubscribeAsync(subscriber, subscription).ConfigureAwait(false)
                && subscriber.SubscribedEndpoint(subscription.Name) is { } server
                && homes.Contains(server);
        }
        finally
        {
            stripe.Release();
        }
    }

    /// <summary>How many hear each of some channels, as one server sees it.</summary>
    private static async Task<long[]> CountAsync(IServer server, RedisSubscription[] channels)
    {
        long[] counts = new long[channels.Length];
        await CountAsync(sharded: false, "NUMSUB").ConfigureAwait(false);
        await CountAsync(sharded: true, "SHARDNUMSUB").ConfigureAwait(false);
        return counts;

        async Task CountAsync(bool sharded, string subcommand)
        {
            int[] asked = [.. Enumerable.Range(0, channels.Length).Where(i => channels[i].Name.IsSharded == sharded)];
            if (asked.Length == 0)
                return;
            object[] arguments = [subcommand, .. asked.Select(i => channels[i].Name.ToString())];
            var reply = (RedisResult[])(await server.ExecuteAsync("PUBSUB", arguments).ConfigureAwait(false))!;
            // Name, count, name, count: in the order asked for.
            for (int i = 0; i < asked.Length && (2 * i) + 1 < reply.Length; i++)
                counts[asked[i]] = (long)reply[(2 * i) + 1];
        }
    }
}

/// <summary>Where the client library holds the channels for live.</summary>
/// <param name="Counts">How many on each server.</param>
/// <param name="Moved">How many are on another server than when last looked at.</param>
/// <param name="Nowhere">How many are on none.</param>
internal readonly record struct Whereabouts(Dictionary<EndPoint, long> Counts, int Moved, int Nowhere);
