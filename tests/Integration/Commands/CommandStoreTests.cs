using Aether.Application;
using Aether.Application.Ports;
using Aether.Infrastructure.InMemory;
using Aether.Tests.Integration.Fixtures;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>The contract, in memory, where both instances are one.</summary>
public sealed class InMemoryCommandStoreContractTests : CommandStoreContract
{
    public override ValueTask DisposeAsync() => default;

    private protected override Task<(ICommandStore One, ICommandStore Two, ILeaseStore Leases)> StartAsync()
    {
        var options = new CommandOptions();
        Configure(options);
        var leases = new InMemoryLeaseStore(TimeProvider.System);
        var store = new InMemoryCommandStore(leases, options, TimeProvider.System);
        return Task.FromResult<(ICommandStore, ICommandStore, ILeaseStore)>((store, store, leases));
    }
}

/// <summary>The contract, over Redis, with two instances.</summary>
public sealed class RedisCommandStoreContractTests : CommandStoreContract
{
    private readonly List<BusHost> hosts = [];
    private RedisServer? redis;

    public override async ValueTask DisposeAsync()
    {
        foreach (var host in hosts)
            await host.DisposeAsync();
        if (redis is not null)
            await redis.DisposeAsync();
    }

    private protected override async Task<(ICommandStore One, ICommandStore Two, ILeaseStore Leases)> StartAsync()
    {
        redis = await RedisServer.StartAsync();
        for (int i = 0; i < 2; i++)
            hosts.Add(await BusHost.StartReadyAsync(redis.ConnectionString, options => Configure(options.Commands)));
        return (hosts[0].Get<ICommandStore>(), hosts[1].Get<ICommandStore>(), hosts[0].Get<ILeaseStore>());
    }
}

/// <summary>The contract, over a Redis Cluster, where what is due lies in another slot than the commands.</summary>
public sealed class RedisClusterCommandStoreContractTests(RedisCluster cluster)
    : CommandStoreContract, IClassFixture<RedisCluster>
{
    private readonly List<BusHost> hosts = [];

    // Apart from what the tests before it left.
    private readonly string prefix = Guid.NewGuid().ToString("N") + ":";

    public override async ValueTask DisposeAsync()
    {
        foreach (var host in hosts)
            await host.DisposeAsync();
    }

    [Fact]
    public async Task Report_IsTaken_GivenAHolderWhoseInstanceDied_AndNotWhileItLives() =>
        await RedisCommandStoreTests.TakeOverAsync(await StartHostAsync(), hosts[0]);

    private protected override async Task<(ICommandStore One, ICommandStore Two, ILeaseStore Leases)> StartAsync()
    {
        for (int i = 0; i < 2; i++)
            hosts.Add(await StartHostAsync());
        return (hosts[0].Get<ICommandStore>(), hosts[1].Get<ICommandStore>(), hosts[0].Get<ILeaseStore>());
    }

    private Task<BusHost> StartHostAsync() => BusHost.StartReadyAsync(cluster.ConnectionString, options =>
    {
        Configure(options.Commands);
        options.Redis.Prefix = prefix;
    });
}
