using System.Runtime.CompilerServices;
using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Domain;
using Aether.Infrastructure.Redis.Connections;
using Aether.Infrastructure.Redis.Health;
using Aether.Infrastructure.Redis.Leases;
using Aether.Infrastructure.Redis.Subscriptions;
using Microsoft.Extensions.Logging;

namespace Aether.Infrastructure.Redis.Bus;

/// <summary>
/// The bus over Redis pub/sub: at most once, one literal (or sharded) channel per group and client. What is
/// published is the canonical JSON that any V3 implementation on the same Redis understands.
/// </summary>
internal sealed class RedisMessageBus(
    RedisConnection connection,
    RedisSubscriptions subscriptions,
    RedisHealth health,
    UnheardChannels unheard,
    LeaseScripts leases,
    RedisNames names,
    TimeProvider time,
    ILogger<RedisMessageBus> logger) : IMessageBus
{
    private readonly LogThrottle failureLog = new(time);

    public string Description => connection.Sharded == true ? "Redis Cluster" : "Redis";

    public bool IsReady => health.IsReady;

    public string? Problem => health.Problem;

    public ValueTask<PublishResult> PublishAsync(
        ChannelName channel, Message message, CancellationToken cancellationToken)
    {
        // Asked first because an exception costs a thousand times what this does, and a sender may go on for minutes.
        if (!health.CanPublish || connection is not { Publisher: { } publisher, Sharded: { } sharded })
            return Refused("not connected", BackplaneFault.Unreachable);
        try
        {
            var heard = subscriptions.Find(channel);
            // Written before anything is awaited: that is what keeps the order.
            var name = heard?.Name ?? names.Channel(channel, sharded);
            var published = message.Lease is { } claim && channel.Kind == ChannelKind.Group
                ? leases.PublishAsync(channel.Id, name, claim, message.FromId, MessageWriter.Write(message))
                : publisher.PublishAsync(name, MessageWriter.Write(message), RedisConnection.Primary);
            return CompleteAsync(published, channel, heard);
        }
        catch (Exception e) when (RedisFaults.IsExpected(e))
        {
            return Refused(e);
        }
    }

    public async Task<bool> SubscribeAsync(ChannelName channel, IMessageSink sink, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        // While a connection comes back, the client library takes old confirmations for new ones.
        if (!health.IsReady)
            return false;
        long epoch = health.Epoch;
        if (!await subscriptions.SubscribeAsync(channel, sink).ConfigureAwait(false))
            return false;
        if (health.Epoch == epoch)
            return true;
        await subscriptions.UnsubscribeAsync(channel).ConfigureAwait(false);
        return false;
    }

    public Task UnsubscribeAsync(ChannelName channel, CancellationToken cancellationToken) =>
        subscriptions.UnsubscribeAsync(channel);

    // One per message, so what carries it over the wait is pooled.
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<PublishResult> CompleteAsync(
        Task<long> published, ChannelName channel, RedisSubscription? heard)
    {
        try
        {
            int instances = (int)await published.ConfigureAwait(false);
            if (instances < 0)
                return PublishResult.StaleTerm;
            return instances > 0 || unheard.AreUnheard(channel, heard)
                ? PublishResult.To(instances)
                : await Refused("nobody heard it, and that cannot be relied on now", BackplaneFault.Unverified)
                    .ConfigureAwait(false);
        }
        catch (Exception e) when (RedisFaults.IsExpected(e))
        {
            return await Refused(e).ConfigureAwait(false);
        }
    }

    private ValueTask<PublishResult> Refused(Exception exception) =>
        Refused(RedisFaults.Describe(exception), RedisFaults.FaultOf(exception));

    private ValueTask<PublishResult> Refused(string error, BackplaneFault fault)
    {
        if (failureLog.Passes(out long count))
            logger.PublishFailed(error, count);
        return new(PublishResult.Refused(fault));
    }
}
