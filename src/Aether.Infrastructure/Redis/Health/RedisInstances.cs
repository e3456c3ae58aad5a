using Aether.Application.Ports;
using Aether.Infrastructure.Redis.Connections;
using StackExchange.Redis;

namespace Aether.Infrastructure.Redis.Health;

/// <summary>
/// Whether an instance lives now. Each hears a channel of its own (<see cref="RedisProbe"/>), and Redis knows at once when
/// the connection of one that was killed is closed, long before its lease ends.
/// </summary>
internal sealed class RedisInstances(
    RedisConnection connection, RedisHealth health, RedisNames names, IInstanceStatus? own = null)
{
    /// <summary>Whether a connection is gone for sure, since its instance is.</summary>
    /// <param name="holder">The connection: its instance's name, a slash, and anything.</param>
    public async Task<bool> IsGoneAsync(string holder)
    {
        int slash = holder.IndexOf('/', StringComparison.Ordinal);
        // After an outage of Redis the others may live and not be back.
        if (slash <= 0 || connection.Sharded is not { } sharded || !health.IsSettled)
            return false;
        string instance = holder[..slash];
        return instance != own?.Read().InstanceId
            && await CountAsync(names.Probe(instance, sharded)).ConfigureAwait(false) == 0;
    }

    /// <summary>How many hear a channel, on all servers together: any of them may be where it is.</summary>
    private async Task<long> CountAsync(RedisChannel channel)
    {
        long[] counts = await Task.WhenAll(connection.SubscriptionServers.Where(static server => !server.IsReplica)
            .Select(async server =>
            {
                var reply = (RedisResult[])(await server.ExecuteAsync(
                    "PUBSUB", channel.IsSharded ? "SHARDNUMSUB" : "NUMSUB", channel.ToString()).ConfigureAwait(false))!;
                return reply.Length > 1 ? (long)reply[1] : 0;
            })).ConfigureAwait(false);
        // Who asks nobody knows nothing.
        return counts.Length == 0 ? -1 : counts.Sum();
    }
}
