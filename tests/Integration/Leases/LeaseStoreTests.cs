using Aether.Application.Ports;
using Aether.Domain;
using Aether.Infrastructure.Redis.Leases;
using Aether.Tests.Integration.Fixtures;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>The contract, in memory.</summary>
public sealed class InMemoryLeaseStoreTests : LeaseStoreContract
{
    private protected override Task<BusHost> StartAsync() => BusHost.StartReadyAsync(null, Configure);
}

/// <summary>The contract, over Redis.</summary>
public sealed class RedisLeaseStoreContractTests : LeaseStoreContract
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
        return await BusHost.StartReadyAsync(redis.ConnectionString, Configure);
    }
}

/// <summary>The contract, over a Redis Cluster.</summary>
public sealed class RedisClusterLeaseStoreContractTests(RedisCluster cluster)
    : LeaseStoreContract, IClassFixture<RedisCluster>
{
    // Apart from what the tests before it left.
    private protected override Task<BusHost> StartAsync() => BusHost.StartReadyAsync(
        cluster.ConnectionString,
        options =>
        {
            Configure(options);
            options.Redis.Prefix = Guid.NewGuid().ToString("N") + ":";
        });
}

/// <summary>What only Redis does to leases: staying when an instance goes, being full, and being away.</summary>
public sealed class RedisLeaseStoreTests : IAsyncLifetime
{
    private const string Key = "ws:lease:{ws:group:g}";
    private const string Ends = "ws:ends";
    private static readonly VisionId Group = Messages.Id("g");
    private static readonly VisionId Name = Messages.Id("lead");
    private static readonly VisionId A = Messages.Id("a");
    private static readonly TimeSpan Ttl = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Short = TimeSpan.FromMilliseconds(300);

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
    public async Task Names_AreCounted_OnceForEach()
    {
        await Leases.AcquireAsync(Group, Name, A, Ttl, Token);
        await Leases.AcquireAsync(Group, Name, A, Ttl, Token);
        await Leases.ReleaseAsync(Group, new(Name, 1), A, Token);
        await Leases.AcquireAsync(Group, Name, A, Ttl, Token);
        await Leases.TakeAwayAsync(Group, Messages.Id("other"), Token);
        await Leases.AcquireAsync(Group, Messages.Id("another"), A, Ttl, Token);
        Assert.Equal("2", await redis.RunAsync("HGET", Key, ":n"));
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
    public async Task End_IsTold_GivenARedisThatIsFull()
    {
        var sink = new RecordingSink();
        Assert.True(await host.Bus.SubscribeAsync(ChannelName.Group(Group), sink, Token));
        await Leases.AcquireAsync(Group, Name, A, Short, Token);
        await Leases.AcquireAsync(Group, Messages.Id("other"), A, Ttl, Token);
        await redis.RunAsync("CONFIG", "SET", "maxmemory", "1");
        await Eventually.HoldsAsync(async () => (await Leases.EndAsync(100, Token)).Count == 1);
        await Eventually.HoldsAsync(() => sink.Count == 3);
        Assert.InRange((await Leases.EndAsync(100, Token)).Next!.Value, TimeSpan.FromSeconds(30), Ttl);
    }

    [Fact]
    public async Task End_IsTold_GivenThatWhoeverShouldLookHasDied()
    {
        await Leases.AcquireAsync(Group, Name, A, Short, Token);
        var scripts = host.Get<LeaseScripts>();
        await Eventually.HoldsAsync(async () => (await scripts.TakeDueAsync(100)).Members is ["g:lead"]);
        // Nobody else gets it yet, and then somebody does.
        Assert.Equal(0, (await Leases.EndAsync(100, Token)).Count);
        await using var other = await BusHost.StartReadyAsync(redis.ConnectionString);
        await Eventually.HoldsAsync(async () => (await other.Get<ILeaseStore>().EndAsync(100, Token)).Count == 1);
    }

    [Fact]
    public async Task End_IsNotForgotten_GivenThatTheLeaseIsTakenWhileSomebodyLooksAtIt()
    {
        await Leases.AcquireAsync(Group, Name, A, Short, Token);
        var scripts = host.Get<LeaseScripts>();
        // It is to be looked at a moment before it is over, and is taken by nobody else until then.
        await Eventually.HoldsAsync(async () => (await Leases.GetAsync(Group, Name, Token)).TimeLeft == TimeSpan.Zero);
        DueLeases due = null!;
        await Eventually.HoldsAsync(async () => (due = await scripts.TakeDueAsync(100)).Members is ["g:lead"]);
        await Leases.AcquireAsync(Group, Name, Messages.Id("b"), Ttl, Token);
        await scripts.ScheduleAsync("g:lead", due.Given, TimeSpan.Zero);
        Assert.NotEqual("", await redis.RunAsync("ZSCORE", Ends, "g:lead"));
        // And is looked at in vain before it is forgotten until then.
        await Eventually.HoldsAsync(async () => (await Leases.EndAsync(100, Token)).Next > TimeSpan.FromSeconds(30));
        Assert.Equal((2, Messages.Id("b")), await HolderAsync());
    }

    [Fact]
    public async Task End_IsNotForgotten_GivenThatTheOldOneIsToldBeforeTheLeaseIsTaken()
    {
        await Leases.AcquireAsync(Group, Name, A, Short, Token);
        await Eventually.HoldsAsync(async () => (await Leases.GetAsync(Group, Name, Token)).TimeLeft == TimeSpan.Zero);
        // Whoever takes it says first that it is to be looked at, then looks at the clock, and then takes it.
        var clock = new HeldClock();
        var late = new RedisLeaseStore(
            host.Connection, host.Health, host.Get<LeaseScripts>(), clock, NullLogger<RedisLeaseStore>.Instance);
        var taking = Task.Run(async () => await late.AcquireAsync(Group, Name, Messages.Id("b"), Ttl, Token), Token);
        await clock.Asked.WaitAsync(Token);
        await Eventually.HoldsAsync(async () => (await Leases.EndAsync(100, Token)).Count == 1);
        Assert.Equal("", await redis.RunAsync("ZSCORE", Ends, "g:lead"));
        clock.Go();

        Assert.Equal(LeaseStatus.Done, (await taking).Status);
        await Eventually.HoldsAsync(async () => await redis.RunAsync("ZSCORE", Ends, "g:lead") != "");
        Assert.Equal((2, Messages.Id("b")), await HolderAsync());
    }

    [Fact]
    public async Task Ends_HoldNothing_GivenThatNobodyHoldsALease_OrWhatIsNoLease()
    {
        await Leases.AcquireAsync(Group, Name, A, Short, Token);
        await Leases.ReleaseAsync(Group, new(Name, 1), A, Token);
        foreach (string nonsense in (string[])["x", ":", "g:", ":lead", "g:le.ad", "g:lead:x"])
            await redis.RunAsync("ZADD", Ends, "1", nonsense);
        await Eventually.HoldsAsync(async () =>
        {
            Assert.Equal(0, (await Leases.EndAsync(100, Token)).Count);
            return await redis.RunAsync("EXISTS", Ends) == "0";
        });
        Assert.Null((await Leases.EndAsync(100, Token)).Next);
    }

    [Fact]
    public async Task Acquire_IsRefused_GivenARedisThatIsAway()
    {
        await redis.StopAsync();
        await Eventually.HoldsAsync(async () =>
            (await Leases.AcquireAsync(Group, Name, A, Ttl, Token)).Status == LeaseStatus.Unavailable);
    }

    private async Task<(long Term, VisionId Holder)> HolderAsync()
    {
        var found = await Leases.GetAsync(Group, Name, Token);
        return (found.Lease!.Term, found.Lease.Holder);
    }

    /// <summary>A clock that holds up whoever asks for the time, until it is let go.</summary>
    private sealed class HeldClock : TimeProvider
    {
        private readonly TaskCompletionSource asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource released = new();

        public Task Asked => asked.Task;

        public void Go() => released.TrySetResult();

        public override DateTimeOffset GetUtcNow()
        {
            asked.TrySetResult();
            released.Task.Wait(Token);
            return base.GetUtcNow();
        }
    }
}
