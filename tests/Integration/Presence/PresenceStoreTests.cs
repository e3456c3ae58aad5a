using Aether.Application.Ports;
using Aether.Domain;
using Aether.Infrastructure.InMemory;
using Aether.Tests.Integration.Fixtures;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>The contract, in memory.</summary>
public sealed class InMemoryPresenceStoreTests : PresenceStoreContract
{
    private readonly FixedStatus status = new();
    private readonly InMemoryPresenceStore store;

    public InMemoryPresenceStoreTests() => store = new InMemoryPresenceStore(TimeProvider.System, status);

    private protected override IPresenceStore First => store;

    private protected override IPresenceStore Second => store;

    private protected override IPresenceDirectory FirstDirectory => store;

    private protected override IPresenceDirectory SecondDirectory => store;

    protected override IReadOnlyList<string> InstanceIds => [status.Id];

    [Fact]
    public async Task Touch_MovesLastSeen_GivenPresentClient()
    {
        var time = new FakeTimeProvider();
        var timed = new InMemoryPresenceStore(time);
        var (group, client) = (NewGroup(), VisionId.Parse("c"));
        await timed.JoinAsync(group, client, Role.None, Token);
        time.Advance(TimeSpan.FromSeconds(3));

        timed.Touch(group, client);
        timed.Touch(group, VisionId.Parse("nobody"));

        var member = Assert.Single((await timed.GetMembersAsync(group, Token))!);
        Assert.Equal(TimeSpan.FromSeconds(3), member.LastSeen - member.JoinedAt);
    }
}

/// <summary>The contract, for two instances on one Redis.</summary>
public sealed class RedisPresenceStoreTests(PresenceServer server)
    : RedisPresenceStoreContract(server), IClassFixture<PresenceServer>;

/// <summary>
/// The contract, on a cluster: it refuses a script whose keys are not all in one slot, or that uses a key it was not
/// given.
/// </summary>
public sealed class RedisClusterPresenceStoreTests(PresenceClusterServer server)
    : RedisPresenceStoreContract(server), IClassFixture<PresenceClusterServer>;

/// <summary>A Redis for all tests of a class.</summary>
public class PresenceServer : IAsyncLifetime
{
    private RedisServer? server;

    internal RedisServer Server => server!;

    public async ValueTask InitializeAsync() => server = await StartAsync();

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (server is not null)
            await server.DisposeAsync();
    }

    private protected virtual Task<RedisServer> StartAsync() => RedisServer.StartAsync();
}

/// <summary>A cluster of one server for all tests of a class.</summary>
public sealed class PresenceClusterServer : PresenceServer
{
    private protected override Task<RedisServer> StartAsync() => RedisServer.StartClusterAsync();
}

/// <summary>Two instances; after each test both stop, and nothing may be left in Redis.</summary>
public abstract class RedisPresenceStoreContract(PresenceServer server) : PresenceStoreContract, IAsyncLifetime
{
    private PresenceInstance? first;
    private PresenceInstance? second;

    private protected override IPresenceStore First => first!.Store;

    private protected override IPresenceStore Second => second!.Store;

    private protected override IPresenceDirectory FirstDirectory => first!.Directory;

    private protected override IPresenceDirectory SecondDirectory => second!.Directory;

    protected override IReadOnlyList<string> InstanceIds => [first!.InstanceId, second!.InstanceId];

    public async ValueTask InitializeAsync()
    {
        first = await PresenceInstance.StartAsync(server.Server);
        second = await PresenceInstance.StartAsync(server.Server);
    }

    [Fact]
    public async Task FindAsync_FindsAClientOnAnInstanceThatStartedLater_AndNotOfOneThatIsGone()
    {
        var (group, client) = (VisionId.Parse("later"), VisionId.Parse("c"));
        Assert.Equal(ClientPlaces.On(0), await First.FindAsync(group, client, Token));
        await First.JoinAsync(group, client, Role.None, Token);
        var third = await PresenceInstance.StartAsync(server.Server);
        try
        {
            await third.Store.JoinAsync(group, client, Role.None, Token);
            Assert.Equal(ClientPlaces.On(2), await First.FindAsync(group, client, Token));
        }
        finally
        {
            await third.DisposeAsync();
        }
        Assert.Equal(ClientPlaces.On(1), await First.FindAsync(group, client, Token));
        await First.LeaveAsync(group, client, Token);
    }

    [Fact]
    public async Task FindAsync_KnowsAMemberOfAnotherImplementation_WhichKeepsTheSetAlone()
    {
        var (group, client) = (VisionId.Parse("foreign"), VisionId.Parse("c"));
        await server.Server.RunAsync("SADD", "ws:members:{foreign}", "c");

        var places = await First.FindAsync(group, client, Token);

        Assert.Equal(new ClientPlaces(PlacesKnown.Known, 0, Elsewhere: true), places);
        await server.Server.RunAsync("SREM", "ws:members:{foreign}", "c");
        Assert.Equal(ClientPlaces.On(0), await First.FindAsync(group, client, Token));
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        string log = "";
        foreach (var instance in new[] { first, second })
        {
            if (instance is null)
                continue;
            await instance.DisposeAsync();
            log += instance.Log;
        }
        Assert.Equal("0", await server.Server.RunAsync("DBSIZE"));
        // Nothing of a contract test is a fault: a lease that was replaced means that the store misjudged an answer.
        Assert.DoesNotContain("PresenceLeaseReplaced", log, StringComparison.Ordinal);
        Assert.DoesNotContain("Failed", log, StringComparison.Ordinal);
    }
}
