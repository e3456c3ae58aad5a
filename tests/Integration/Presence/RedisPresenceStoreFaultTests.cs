using System.Globalization;
using Aether.Application.Ports;
using Aether.Domain;
using Aether.Tests.Integration.Fixtures;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>What becomes of presence when Redis is away, stands still, is full, or forgets.</summary>
public sealed class RedisPresenceStoreFaultTests : RedisPresenceTest
{
    [Fact]
    public async Task Keep_RegistersAgain_GivenFlushAll()
    {
        var one = await StartAsync();
        var two = await StartAsync();
        var clients = await JoinManyAsync(one, 1_000);
        await two.Store.JoinAsync(Group, X, Role.Controller, Token);
        await two.Store.JoinAsync(Group, X, Role.Controller, Token);
        await two.Store.UpdateStateAsync(Group, X, "{\"s\":1}"u8.ToArray(), Token);
        var before = (await MembersAsync(two, Group)).Single(member => member.ClientId == X);
        string incarnation = one.Store.Incarnation!;

        await Server.RunAsync("FLUSHALL");

        await Eventually.HoldsAsync(() => one.Store.Incarnation != incarnation && one.Store.IsReady, state: () => one.Log);
        // Ready means whole: all that this instance holds is there in the very moment.
        Assert.Superset(clients, await PlainSetAsync());
        await Eventually.HoldsAsync(async () => (await PlainSetAsync()).Count == clients.Count + 1, state: () => two.Log);
        await Eventually.HoldsAsync(() => two.Store.IsReady);
        var members = await MembersAsync(two, Group);
        Assert.All(members, member => Assert.Equal(member.ClientId == X ? 2 : 1, member.Connections));
        var after = members.Single(member => member.ClientId == X);
        Assert.Equal(before.JoinedAt, after.JoinedAt);
        Assert.Equal(Role.Controller, after.Role);
        Assert.True(before.State.Span.SequenceEqual(after.State.Span));
        // Nobody was told that they went, so nobody is told that they came.
        Assert.Empty(one.Changes);
        Assert.Empty(two.Changes);
        Assert.True(after.Version > before.Version);
    }

    [Fact]
    public async Task FindAsync_NeverSaysNobody_OfAClientThatIsThere_GivenFlushAll()
    {
        var one = await StartAsync();
        var two = await StartAsync();
        await two.Store.JoinAsync(Group, X, Role.Worker, Token);
        Assert.Equal(ClientPlaces.On(1), await one.Store.FindAsync(Group, X, Token));
        Assert.Equal(ClientPlaces.On(0), await one.Store.FindAsync(Group, Y, Token));
        string incarnation = two.Store.Incarnation!;

        await Server.RunAsync("FLUSHALL");

        var found = ClientPlaces.Unavailable;
        await Eventually.HoldsAsync(async () =>
        {
            found = await one.Store.FindAsync(Group, X, Token);
            return found != ClientPlaces.Unavailable;
        });
        Assert.Equal(ClientPlaces.On(1), found);
        Assert.NotEqual(incarnation, two.Store.Incarnation);
        await Eventually.HoldsAsync(async () => await one.Store.FindAsync(Group, Y, Token) == ClientPlaces.On(0));
    }

    [Fact]
    public async Task LeaveAsync_Went_GivenFlushAllThatNobodyNoticedYet()
    {
        // It is renewed after a third of that, and nothing here waits for so long.
        var one = await StartAsync(6 * Eventually.Soon);
        await one.Store.JoinAsync(Group, X, Role.Worker, Token);
        await one.Store.JoinAsync(Group, Y, Role.Worker, Token);
        await Server.RunAsync("FLUSHALL");

        var change = await one.Store.LeaveAsync(Group, X, Token);

        Assert.Equal(PresenceTransition.Went, change.Transition);
        Assert.Equal(X, change.Member!.ClientId);
        // And with that it was noticed, long before the lease is renewed.
        await Eventually.HoldsAsync(async () => one.Store.IsReady && (await PlainSetAsync()).SetEquals(["y"]));
        Assert.Empty(one.Changes);
    }

    [Fact]
    public async Task Keep_ReadyOnlyWhenWhole_GivenRedisRestart()
    {
        // Long enough for 5,000 joins and what is read afterwards, on a machine that has something else to do.
        var one = await StartAsync(TimeSpan.FromSeconds(10));
        var clients = await JoinManyAsync(one, 5_000);

        await Server.StopAsync();
        await Eventually.HoldsAsync(() => !one.Store.IsReady);
        Assert.Null(await one.Store.GetMembersAsync(Group, Token));
        Assert.Equal(
            PresenceTransition.Unavailable, (await one.Store.JoinAsync(Group, X, Role.Worker, Token)).Transition);
        Assert.Equal(
            PresenceTransition.Unavailable,
            (await one.Store.UpdateStateAsync(Group, X, "{}"u8.ToArray(), Token)).Transition);
        await Server.StartAgainAsync();

        await Eventually.HoldsAsync(() => one.Store.IsReady, state: () => one.Log);
        Assert.Equal(clients, await PlainSetAsync());
        Assert.Equal(PresenceTransition.Came, (await one.Store.JoinAsync(Group, X, Role.Worker, Token)).Transition);
    }

    [Fact]
    public async Task LeaveAsync_GoneWhenReady_GivenRedisThatWasDownAndKeptItsData()
    {
        await UseServerAsync("--appendonly", "yes", "--appendfsync", "always");
        var one = await StartAsync();
        await one.Store.JoinAsync(Group, X, Role.Worker, Token);
        await one.Store.JoinAsync(Group, Y, Role.Worker, Token);
        await Server.StopAsync();
        Assert.Equal(PresenceTransition.Unavailable, (await one.Store.LeaveAsync(Group, X, Token)).Transition);
        Assert.False(one.Store.IsReady);

        await Server.StartAgainAsync();

        await Eventually.HoldsAsync(() => one.Store.IsReady, state: () => one.Log);
        Assert.Equal(["y"], await PlainSetAsync());
        Assert.Equal(["Went g x"], one.Changes);
    }

    [Fact]
    public async Task LeaveAsync_ToldOnce_GivenAnswerThatNeverCame()
    {
        var one = await StartAsync();
        await one.Store.JoinAsync(Group, X, Role.Worker, Token);
        await one.Store.JoinAsync(Group, Y, Role.Worker, Token);

        // Redis carries it out later, and nobody hears the answer.
        await Server.RunAsync("CLIENT", "PAUSE", "60000", "WRITE");
        Assert.Equal(PresenceTransition.Unavailable, (await one.Store.LeaveAsync(Group, X, Token)).Transition);
        Assert.False(one.Store.IsReady);
        Assert.Contains("x", await PlainSetAsync());
        await Server.RunAsync("CLIENT", "UNPAUSE");

        await Eventually.HoldsAsync(() => one.Store.IsReady, state: () => one.Log);
        Assert.Equal(["y"], await PlainSetAsync());
        Assert.Equal(["Went g x"], one.Changes);
    }

    [Fact]
    public async Task LeaveAsync_GoneWhenReady_GivenConnectionThatBroke()
    {
        var one = await StartAsync();
        await one.Store.JoinAsync(Group, X, Role.Worker, Token);
        await one.Store.JoinAsync(Group, Y, Role.Worker, Token);
        string incarnation = one.Store.Incarnation!;

        Server.Pause();
        Assert.Equal(PresenceTransition.Unavailable, (await one.Store.LeaveAsync(Group, X, Token)).Transition);
        Server.Resume();
        await Server.RunAsync("CLIENT", "KILL", "TYPE", "normal");

        await Eventually.HoldsAsync(() => one.Store.Incarnation != incarnation && one.Store.IsReady, state: () => one.Log);
        Assert.Equal(["y"], await PlainSetAsync());
        Assert.Equal(1, Assert.Single(await MembersAsync(one, Group)).Connections);
        Assert.Equal(["Went g x"], one.Changes);
    }

    [Fact]
    public async Task JoinAsync_LeavesNothing_GivenAnswerThatNeverCame()
    {
        var one = await StartAsync();
        await one.Store.JoinAsync(Group, Y, Role.Worker, Token);

        Server.Pause();
        Assert.Equal(
            PresenceTransition.Unavailable, (await one.Store.JoinAsync(Group, X, Role.Worker, Token)).Transition);
        Assert.False(one.Store.IsReady);
        Server.Resume();

        // Redis carries the join out when it goes on; it is undone, and nobody hears of either.
        await Eventually.HoldsAsync(() => one.Store.IsReady, state: () => one.Log);
        Assert.Equal(["y"], await PlainSetAsync());
        Assert.Empty(one.Changes);
        Assert.Equal(PresenceTransition.Came, (await one.Store.JoinAsync(Group, X, Role.Worker, Token)).Transition);
    }

    [Fact]
    public async Task JoinAsync_LeavesTheRoleOfAConnectionElsewhere_GivenAnswerThatNeverCame()
    {
        var one = await StartAsync();
        var two = await StartAsync();
        await one.Store.JoinAsync(Group, Y, Role.Observer, Token);
        await two.Store.JoinAsync(Group, X, Role.Worker, Token);

        Server.Pause();
        Assert.Equal(
            PresenceTransition.Unavailable, (await one.Store.JoinAsync(Group, X, Role.Worker, Token)).Transition);
        Server.Resume();
        await Eventually.HoldsAsync(() => one.Store.IsReady && two.Store.IsReady, state: () => one.Log + two.Log);

        var member = (await MembersAsync(two, Group)).Single(member => member.ClientId == X);
        Assert.Equal((Role.Worker, 1), (member.Role, member.Connections));
        Assert.Empty(one.Changes);
        Assert.Empty(two.Changes);
    }

    [Fact]
    public async Task JoinAsync_ReadyAgain_GivenAnswerThatNeverCameFromARedisThatIsFull()
    {
        var one = await StartAsync();
        var two = await StartAsync();
        await one.Store.JoinAsync(Group, Y, Role.Observer, Token);
        await two.Store.JoinAsync(Group, X, Role.Worker, Token);
        await Server.RunAsync("CONFIG", "SET", "maxmemory", "1");

        // Redis refuses it, and nobody hears that: there is nothing that its undoing could take away.
        Server.Pause();
        Assert.Equal(
            PresenceTransition.Unavailable, (await one.Store.JoinAsync(Group, X, Role.Worker, Token)).Transition);
        Server.Resume();

        await Eventually.HoldsAsync(() => one.Store.IsReady && two.Store.IsReady, state: () => one.Log + two.Log);
        Assert.Equal(Role.Worker, (await MembersAsync(two, Group)).Single(member => member.ClientId == X).Role);
        await Server.RunAsync("CONFIG", "SET", "maxmemory", "0");
    }

    [Fact]
    public async Task Keep_NobodyLeaves_GivenRedisThatStoodStillShorterThanTheLease()
    {
        var one = await StartAsync(TimeSpan.FromSeconds(3));
        var two = await StartAsync(TimeSpan.FromSeconds(3));
        var clients = await JoinManyAsync(one, 20);

        Server.Pause();
        await Eventually.HoldsAsync(() => !one.Store.IsReady && !two.Store.IsReady, state: () => one.Log);
        Server.Resume();

        await Eventually.HoldsAsync(() => one.Store.IsReady && two.Store.IsReady, state: () => one.Log);
        Assert.Equal(clients, await PlainSetAsync());
        Assert.Empty(one.Changes);
        Assert.Empty(two.Changes);
    }

    [Fact]
    public async Task Keep_NobodyLeaves_GivenRedisThatStoodStillLongerThanEveryLease()
    {
        var one = await StartAsync(ShortLease);
        var two = await StartAsync(ShortLease);
        await JoinManyAsync(one, 20);
        await two.Store.JoinAsync(Group, X, Role.Worker, Token);
        (string? first, string? second) = (one.Store.Incarnation, two.Store.Incarnation);
        long end = long.Parse(await Server.RunAsync("ZSCORE", "ws:leases", first!), CultureInfo.InvariantCulture);

        Server.Pause();
        await Eventually.HoldsAsync(() => DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() > end + 1_000);
        Server.Resume();

        await Eventually.HoldsAsync(
            () => one.Store.IsReady && one.Store.Incarnation != first
                && two.Store.IsReady && two.Store.Incarnation != second,
            state: () => one.Log + two.Log);
        Assert.Equal(21, (await MembersAsync(one, Group)).Count);
        Assert.All(await MembersAsync(one, Group), member => Assert.Equal(1, member.Connections));
        Assert.Empty(one.Changes);
        Assert.Empty(two.Changes);
    }

    [Fact]
    public async Task JoinAsync_UnavailableAndLeaveWent_GivenRedisThatIsFull()
    {
        var one = await StartAsync(ShortLease);
        await one.Store.JoinAsync(Group, X, Role.Worker, Token);
        await one.Store.JoinAsync(Group, Y, Role.Worker, Token);
        await one.Store.JoinAsync(Group, Y, Role.Worker, Token);
        string incarnation = one.Store.Incarnation!;
        string end = await Server.RunAsync("ZSCORE", "ws:leases", incarnation);
        await Server.RunAsync("CONFIG", "SET", "maxmemory", "1");

        Assert.Equal(
            PresenceTransition.Unavailable, (await one.Store.JoinAsync(Group, X, Role.Worker, Token)).Transition);
        Assert.True(one.Store.IsReady);
        Assert.Equal(PresenceTransition.Went, (await one.Store.LeaveAsync(Group, X, Token)).Transition);
        Assert.Equal(1, (await one.Store.LeaveAsync(Group, Y, Token)).Member!.Connections);
        // The lease goes on: nobody is lost because a Redis is full.
        await Eventually.HoldsAsync(async () => await Server.RunAsync("ZSCORE", "ws:leases", incarnation) != end);
        Assert.True(one.Store.IsReady);
        Assert.Equal(["y"], await PlainSetAsync());
        await Server.RunAsync("CONFIG", "SET", "maxmemory", "0");
        Assert.Equal(PresenceTransition.Came, (await one.Store.JoinAsync(Group, X, Role.Worker, Token)).Transition);
    }

    [Fact]
    public async Task JoinAsync_Came_GivenServerThatForgotTheScripts()
    {
        var one = await StartAsync();
        await one.Store.JoinAsync(Group, X, Role.Worker, Token);
        await Server.RunAsync("SCRIPT", "FLUSH");

        Assert.Equal(PresenceTransition.Came, (await one.Store.JoinAsync(Group, Y, Role.Worker, Token)).Transition);
    }
}
