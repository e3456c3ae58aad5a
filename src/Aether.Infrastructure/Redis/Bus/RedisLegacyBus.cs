using Aether.Application.Legacy;
using Aether.Infrastructure.Redis.Connections;
using Aether.Infrastructure.Redis.Health;
using Aether.Infrastructure.Redis.Subscriptions;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Aether.Infrastructure.Redis.Bus;

/// <summary>
/// V2: everything on one channel that every instance hears, old ones included. It is subscribed only while this
/// instance has a legacy connection, so that V3 alone never touches it.
/// </summary>
internal sealed class RedisLegacyBus(
    RedisConnection connection,
    RedisSubscriptions subscriptions,
    RedisHealth health,
    RedisNames names,
    RedisMetrics metrics,
    TimeProvider time,
    ILogger<RedisLegacyBus> logger) : ILegacyBus
{
    private readonly LogThrottle garbageLog = new(time);
    private readonly LogThrottle droppedLog = new(time);
    private readonly LogThrottle failureLog = new(time);

    public async ValueTask<bool> PublishAsync(LegacyMessage message, CancellationToken cancellationToken)
    {
        if (!health.CanPublish || connection.Publisher is not { } publisher)
            return false;
        try
        {
            long heard = await publisher.PublishAsync(names.Legacy, message.Write(), RedisConnection.Primary)
                .ConfigureAwait(false);
            // A cluster passes it on to all nodes and counts on one of them alone.
            if (heard > 0 || connection.IsCluster || !subscriptions.Hears(names.Legacy))
                return true;
            health.Doubt();
            return false;
        }
        catch (Exception e) when (RedisFaults.IsExpected(e))
        {
            if (failureLog.Passes(out long count))
                logger.PublishFailed(RedisFaults.Describe(e), count);
            return false;
        }
    }

    public async Task<bool> SubscribeAsync(ILegacySink sink, CancellationToken cancellationToken) =>
        health.IsReady
        && await subscriptions.SubscribeAsync(new OtherSubscription(names.Legacy, value => Receive(sink, value)))
            .ConfigureAwait(false);

    public Task UnsubscribeAsync(CancellationToken cancellationToken) => subscriptions.UnsubscribeAsync(names.Legacy);

    private void Receive(ILegacySink sink, RedisValue value)
    {
        if (!LegacyMessage.TryRead((ReadOnlyMemory<byte>)value, out var message))
        {
            metrics.Garbage();
            if (garbageLog.Passes(out long count))
                logger.Garbage("legacy: must be an envelope of target, group_id, to_id, from_id and data", count);
        }
        else if (!sink.TryReceive(message))
        {
            metrics.Dropped();
            if (droppedLog.Passes(out long count))
                logger.Dropped("there was no room for them", count);
        }
    }
}
