using Aether.Application.Ports;
using Aether.Tests.Integration.Fixtures;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>The contract, in memory.</summary>
public sealed class InMemoryMessageHistoryTests : MessageHistoryContract
{
    private BusHost? host;

    public override ValueTask DisposeAsync() => host?.DisposeAsync() ?? default;

    private protected override async Task<(IMessageBus Bus, IMessageHistory History)> StartAsync()
    {
        host = await BusHost.StartReadyAsync(null, Configure);
        return (host.Bus, host.History);
    }
}

/// <summary>The contract, over Redis.</summary>
public sealed class RedisHistoryContractTests : MessageHistoryContract
{
    private RedisServer? redis;
    private BusHost? host;

    public override async ValueTask DisposeAsync()
    {
        if (host is not null)
            await host.DisposeAsync();
        if (redis is not null)
            await redis.DisposeAsync();
    }

    private protected override async Task<(IMessageBus Bus, IMessageHistory History)> StartAsync()
    {
        redis = await RedisServer.StartAsync();
        host = await BusHost.StartReadyAsync(redis.ConnectionString, Configure);
        return (host.Bus, host.History);
    }
}

/// <summary>The contract, over a Redis Cluster, where the keys of a channel share the slot that it is published in.</summary>
public sealed class RedisClusterHistoryContractTests(RedisCluster cluster)
    : MessageHistoryContract, IClassFixture<RedisCluster>
{
    private BusHost? host;

    public override ValueTask DisposeAsync() => host?.DisposeAsync() ?? default;

    private protected override async Task<(IMessageBus Bus, IMessageHistory History)> StartAsync()
    {
        host = await BusHost.StartReadyAsync(cluster.ConnectionString, options =>
        {
            Configure(options);
            // Apart from what the tests before it left.
            options.Redis.Prefix = Guid.NewGuid().ToString("N") + ":";
        });
        return (host.Bus, host.History);
    }
}
