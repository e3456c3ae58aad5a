using Aether.Tests.Integration.Fixtures;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>The contract, in memory.</summary>
public sealed class InMemoryRevocationStoreContractTests : RevocationStoreContract
{
    private protected override Task<BusHost> StartAsync() => BusHost.StartReadyAsync(null);
}

/// <summary>The contract, over Redis.</summary>
public sealed class RedisRevocationStoreContractTests : RevocationStoreContract
{
    private RedisServer? redis;

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        if (redis is not null)
            await redis.DisposeAsync();
    }

    private protected override async Task<BusHost> StartAsync()
    {
        redis = await RedisServer.StartAsync();
        return await BusHost.StartReadyAsync(redis.ConnectionString);
    }
}

/// <summary>The contract, over a Redis Cluster.</summary>
public sealed class RedisClusterRevocationStoreContractTests(RedisCluster cluster)
    : RevocationStoreContract, IClassFixture<RedisCluster>
{
    // Apart from what the tests before it left, and so in another slot for each.
    private protected override Task<BusHost> StartAsync() => BusHost.StartReadyAsync(
        cluster.ConnectionString, options => options.Redis.Prefix = Guid.NewGuid().ToString("N") + ":");
}
