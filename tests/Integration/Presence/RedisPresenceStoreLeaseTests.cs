using Aether.Application.Ports;
using Aether.Domain;
using Aether.Tests.Integration.Fixtures;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>What becomes of presence when instances stop, die or stand still.</summary>
public sealed class RedisPresenceStoreLeaseTests : RedisPresenceTest
{
    [Fact]
    public async Task Reaper_EachMemberGoesOnce_GivenDeadInstanceAndTwoSurvivors()
    {
        var dead = await StartAsync(ShortLease);
        var one = await StartAsync(ShortLease);
        var two = await StartAsync(ShortLease);
        var expected = new List<string>();
        for (int i = 0; i < 900; i++)
        {
            var group = VisionId.Parse($"g{i % 3}");
            await dead.Store.JoinAsync(group, VisionId.Parse($"c{i}"), Role.Worker, Token);
            expected.Add($"Went {group} c{i}");
        }
        // It has a connection elsewhere, so it stays, with one connection less.
        await dead.Store.JoinAsync(Group, X, Role.Worker, Token);
        await dead.Store.JoinAsync(Group, X, Role.Worker, Token);
        await one.Store.JoinAsync(Group, X, Role.Worker, Token);
        string incarnation = dead.Store.Incarnation!;

        await dead.CrashAsync();

        await Eventually.HoldsAsync(
            async () => !(await Server.RunAsync("KEYS", "*")).Contains(incarnation, StringComparison.Ordinal)
                && await Server.RunAsync("ZCARD", "ws:leases") == "2",
            state: () => one.Log + two.Log);
        Assert.Equal(expected.Order(), one.Changes.Concat(two.Changes).Order());
        Assert.All(one.Heard.Concat(two.Heard), change => Assert.Equal("lost", change.Reason));
        // Each group was told of with its size at that time: in the end it had nobody, or the one that stayed.
        Assert.All(one.Heard.Concat(two.Heard), change => Assert.InRange(change.GroupSize, 0, 256));
        Assert.Equal(1, Assert.Single(await MembersAsync(two, Group)).Connections);
        Assert.Equal("ws:groups:" + one.Store.Incarnation, await GroupKeysAsync());
        for (int i = 0; i < 3; i++)
            Assert.Empty(await MembersAsync(one, VisionId.Parse($"g{i}")));
    }

    [Fact]
    public async Task Reaper_LeavesNoKey_GivenInstanceThatDiedBetweenRegisteringAndJoining()
    {
        await StartAsync(ShortLease);
        await Server.RunAsync("ZADD", "ws:leases", "1", "dead");
        await Server.RunAsync("SADD", "ws:groups:dead", "g", "not a vision id");

        await Eventually.HoldsAsync(async () => await KeysOfMembersAsync() == "ws:leases");
        Assert.Equal("1", await Server.RunAsync("ZCARD", "ws:leases"));
    }

    [Fact]
    public async Task Reaper_FindsNobody_GivenOwnLeaseThatIsOver()
    {
        var one = await StartAsync();
        await Server.RunAsync("ZADD", "ws:leases", "1", "asker", "1", "dead");

        // Then it was Redis that stood still, or its clock that jumped: the other may be as alive as the asker.
        Assert.Empty(await one.Scripts.GetExpiredAsync("asker"));
        Assert.Empty(await one.Scripts.GetExpiredAsync("unknown"));
        Assert.Equal(["asker", "dead"], await one.Scripts.GetExpiredAsync(one.Store.Incarnation!));
    }

    [Fact]
    public async Task Keep_ComesBack_GivenInstanceThatStoodStillLongerThanItsLease()
    {
        // Its clock stands still, so it renews nothing: as if it had been paused.
        var clock = new FakeTimeProvider();
        var paused = await StartAsync(ShortLease, clock);
        var survivor = await StartAsync(ShortLease);
        await paused.Store.JoinAsync(Group, X, Role.Worker, Token);
        await paused.Store.JoinAsync(Group, Y, Role.Worker, Token);
        await Eventually.HoldsAsync(() => survivor.Changes.Count == 2, state: () => survivor.Log);
        Assert.Equal(["Went g x", "Went g y"], survivor.Changes);

        // It wakes. Before anything else it knows that it cannot know.
        clock.Advance(ShortLease);
        Assert.Equal(PresenceTransition.Unavailable, (await paused.Store.LeaveAsync(Group, Y, Token)).Transition);

        await Eventually.HoldsAsync(
            () =>
            {
                clock.Advance(TimeSpan.FromMilliseconds(1));
                return paused.Store.IsReady;
            },
            state: () => paused.Log);
        Assert.Equal(["x"], await PlainSetAsync());
        Assert.Equal(["Came g x"], paused.Changes);
        Assert.Equal(2, survivor.Changes.Count);
    }

    [Fact]
    public async Task JoinAsync_Refused_GivenLeaseThatEndedUnnoticed()
    {
        var paused = await StartAsync(ShortLease, new FakeTimeProvider());
        string incarnation = paused.Store.Incarnation!;
        await StartAsync(ShortLease);
        await Eventually.HoldsAsync(async () => await Server.RunAsync("ZSCORE", "ws:leases", incarnation) == "");

        // Its flags say that all is well; what it wrote now would stay for ever.
        Assert.True(paused.Store.IsReady);
        Assert.Equal(
            PresenceTransition.Unavailable, (await paused.Store.JoinAsync(Group, X, Role.Worker, Token)).Transition);
        await Eventually.HoldsAsync(
            async () => !(await Server.RunAsync("KEYS", "*")).Contains(incarnation, StringComparison.Ordinal));
        Assert.Empty(await PlainSetAsync());
    }

    [Fact]
    public async Task StopAsync_TellsAndLeavesNoKey_GivenMembersThatAreStillThere()
    {
        var one = await StartAsync();
        await JoinManyAsync(one, 300);
        await one.Store.JoinAsync(VisionId.Parse("another"), X, Role.Worker, Token);

        await one.Store.StopAsync(Token);

        Assert.Equal("0", await Server.RunAsync("DBSIZE"));
        Assert.Equal(301, one.Changes.Count(change => change.StartsWith("Went ", StringComparison.Ordinal)));
        Assert.False(one.Store.IsReady);
        Assert.Equal(
            PresenceTransition.Unavailable, (await one.Store.JoinAsync(Group, X, Role.Worker, Token)).Transition);
        Assert.Equal(PresenceTransition.None, (await one.Store.LeaveAsync(Group, X, Token)).Transition);
    }

    private async Task<string> GroupKeysAsync() => await Server.RunAsync("KEYS", "ws:groups:*");
}
