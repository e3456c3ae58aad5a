using Aether.Application.Ports;
using Aether.Domain;
using Aether.Infrastructure.InMemory;
using Aether.Tests.Integration.Fixtures;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>The contract, in memory.</summary>
public sealed class InMemoryLeaseStoreTests : LeaseStoreContract
{
    public override ValueTask DisposeAsync() => default;

    private protected override Task<ILeaseStore> StartAsync() =>
        Task.FromResult<ILeaseStore>(new InMemoryLeaseStore(TimeProvider.System));
}

/// <summary>The contract, over Redis.</summary>
public sealed class RedisLeaseStoreContractTests : LeaseStoreContract
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

    private protected override async Task<ILeaseStore> StartAsync()
    {
        redis = await RedisServer.StartAsync();
        host = await BusHost.StartReadyAsync(redis.ConnectionString);
        return host.Get<ILeaseStore>();
    }
}

/// <summary>The contract, over a Redis Cluster.</summary>
public sealed class RedisClusterLeaseStoreContractTests(RedisCluster cluster)
    : LeaseStoreContract, IClassFixture<RedisCluster>
{
    private BusHost? host;

    public override ValueTask DisposeAsync() => host?.DisposeAsync() ?? default;

    private protected override async Task<ILeaseStore> StartAsync()
    {
        // Apart from what the tests before it left.
        string prefix = Guid.NewGuid().ToString("N") + ":";
        host = await BusHost.StartReadyAsync(cluster.ConnectionString, options => options.Redis.Prefix = prefix);
        return host.Get<ILeaseStore>();
    }
}

/// <summary>What only Redis does to leases: staying when an instance goes, being full, and being away.</summary>
public sealed class RedisLeaseStoreTests : IAsyncLifetime
{
    private const string Key = "ws:lease:{ws:group:g}";
    private static readonly VisionId Group = Messages.Id("g");
    private static readonly VisionId Name = Messages.Id("lead");
    private static readonly VisionId A = Messages.Id("a");
    private static readonly TimeSpan Ttl = TimeSpan.FromSeconds(60);

    private RedisServer redis = null!;
    private BusHost host = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private ILeaseStore Leases => host.Get<ILeaseStore>();

    public async ValueTask InitializeAsync()
    {
        redis = await RedisServer.StartAsync();
        host = await BusHost.StartReadyAsync(redis.ConnectionString);
    }

    public async ValueTask DisposeAsync()
    {
        await host.DisposeAsync();
        await redis.DisposeAsync();
    }

    [Fact]
    public async Task Lease_IsHeldOnEveryInstance_AndItsKeyNeverEnds()
    {
        await Leases.AcquireAsync(Group, Name, A, Ttl, Token);
        await using var other = await BusHost.StartReadyAsync(redis.ConnectionString);
        var found = await other.Get<ILeaseStore>().AcquireAsync(Group, Name, Messages.Id("b"), Ttl, Token);
        Assert.Equal((LeaseStatus.Held, A, 1L), (found.Status, found.Lease!.Holder, found.Lease.Term));
        Assert.Equal("-1", await redis.RunAsync("TTL", Key));
    }

    [Fact]
    public async Task Term_GoesOnByOne_GivenAVeryHighOne()
    {
        await redis.RunAsync("HSET", Key, "lead:t", "9007199254740000");
        Assert.Equal(9_007_199_254_740_001, (await Leases.AcquireAsync(Group, Name, A, Ttl, Token)).Lease!.Term);
        await Leases.TakeAwayAsync(Group, Name, Token);
        Assert.Equal(9_007_199_254_740_002, (await Leases.AcquireAsync(Group, Name, A, Ttl, Token)).Lease!.Term);
    }

    [Fact]
    public async Task Release_IsDone_AndAcquireRefused_GivenARedisThatIsFull()
    {
        await Leases.AcquireAsync(Group, Name, A, Ttl, Token);
        await redis.RunAsync("CONFIG", "SET", "maxmemory", "1");
        var refused = await Leases.AcquireAsync(Group, Messages.Id("other"), A, Ttl, Token);
        Assert.Equal((LeaseStatus.Unavailable, BackplaneFault.Full), (refused.Status, refused.Fault));
        Assert.Equal(LeaseStatus.Done, (await Leases.ReleaseAsync(Group, new(Name, 1), A, Token)).Status);
    }

    [Fact]
    public async Task Acquire_IsRefused_GivenARedisThatIsAway()
    {
        await redis.StopAsync();
        await Eventually.True(async () =>
            (await Leases.AcquireAsync(Group, Name, A, Ttl, Token)).Status == LeaseStatus.Unavailable);
    }
}
