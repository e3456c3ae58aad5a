using Aether.Application.Legacy;
using Aether.Application.Ports;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Aether.Infrastructure.Redis;

/// <summary>
/// V2: everything on one channel that every instance hears, old ones included. It is subscribed only while this
/// instance has a legacy connection, so that V3 alone never touches it.
/// </summary>
internal sealed class RedisLegacyBus(
    RedisConnection connection,
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
            await publisher.PublishAsync(names.Legacy, message.Write()).ConfigureAwait(false);
            return true;
        }
        catch (Exception e) when (RedisFaults.IsExpected(e))
        {
            if (failureLog.Passes(out long count))
                logger.PublishFailed(e.GetType().Name, count);
            return false;
        }
    }

    public async Task<bool> SubscribeAsync(ILegacySink sink, CancellationToken cancellationToken)
    {
        if (!health.IsReady || connection.Subscriber is not { } subscriber)
            return false;
        try
        {
            var queue = await subscriber.SubscribeAsync(names.Legacy).ConfigureAwait(false);
            queue.OnMessage(message => Receive(sink, message.Message));
            return true;
        }
        catch (Exception e) when (RedisFaults.IsExpected(e))
        {
            if (failureLog.Passes(out long count))
                logger.SubscribeFailed(e.GetType().Name, count);
            await UnsubscribeAsync(CancellationToken.None).ConfigureAwait(false);
            return false;
        }
    }

    public async Task UnsubscribeAsync(CancellationToken cancellationToken)
    {
        if (connection.Subscriber is not { } subscriber)
            return;
        try
        {
            await subscriber.UnsubscribeAsync(names.Legacy).ConfigureAwait(false);
        }
        catch (Exception e) when (RedisFaults.IsExpected(e))
        {
            // The connection that heard it is gone, and the subscription with it.
        }
    }

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
