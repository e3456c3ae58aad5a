using System.Globalization;
using Aether.Application.Ports;
using Aether.Domain;
using Aether.Infrastructure.Redis;
using Aether.Tests.Integration.Fixtures;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>What becomes of presence when instances die or stand still, and when Redis does.</summary>
public sealed class RedisPresenceStoreFaultTests : IAsyncLifetime
{
    private static readonly TimeSpan ShortLease = TimeSpan.FromSeconds(1);
    private static readonly VisionId Group = VisionId.Parse("g");
    private static readonly VisionId X = VisionId.Parse("x");
    private static readonly VisionId Y = VisionId.Parse("y");

    private readonly List<PresenceInstance> instances = [];
    private RedisServer? server;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private RedisServer Server => server!;

    public async ValueTask InitializeAsync() => server = await RedisServer.StartAsync();

    public async ValueTask DisposeAsync()
    {
        foreach (var instance in instances)
            await instance.DisposeAsync();
        await Server.DisposeAsync();
    }

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

        await Eventually.True(
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

        await Eventually.True(async () => await Server.RunAsync("KEYS", "*") == "ws:leases");
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
    public async Task Keep_RegistersAgain_GivenFlushAll()
    {
        var one = await StartAsync(ShortLease);
        var two = await StartAsync(ShortLease);
        var clients = await JoinManyAsync(one, 1_000);
        await two.Store.JoinAsync(Group, X, Role.Controller, Token);
        await two.Store.JoinAsync(Group, X, Role.Controller, Token);
        await two.Store.UpdateStateAsync(Group, X, "{\"s\":1}"u8.ToArray(), Token);
        var before = (await MembersAsync(two, Group)).Single(member => member.ClientId == X);
        string incarnation = one.Store.Incarnation!;

        await Server.RunAsync("FLUSHALL");

        await Eventually.True(() => one.Store.Incarnation != incarnation && one.Store.IsReady, state: () => one.Log);
        // Ready means whole: all that this instance holds is there in the very moment.
        Assert.Superset(clients, await PlainSetAsync());
        await Eventually.True(async () => (await PlainSetAsync()).Count == clients.Count + 1, state: () => two.Log);
        await Eventually.True(() => two.Store.IsReady);
        var members = await MembersAsync(two, Group);
        Assert.All(members, member => Assert.Equal(member.ClientId == X ? 2 : 1, member.Connections));
        var after = members.Single(member => member.ClientId == X);
        Assert.Equal(before.JoinedAt, after.JoinedAt);
        Assert.Equal(Role.Controller, after.Role);
        Assert.True(before.State.Span.SequenceEqual(after.State.Span));
        Assert.Equal(clients.Select(client => $"Came g {client}").Order(StringComparer.Ordinal), one.Changes);
        Assert.Equal(["Came g x"], two.Changes);
    }

    [Fact]
    public async Task LeaveAsync_Went_GivenFlushAllThatNobodyNoticedYet()
    {
        var one = await StartAsync();
        await one.Store.JoinAsync(Group, X, Role.Worker, Token);
        await one.Store.JoinAsync(Group, Y, Role.Worker, Token);
        await Server.RunAsync("FLUSHALL");

        var change = await one.Store.LeaveAsync(Group, X, Token);

        Assert.Equal(PresenceTransition.Went, change.Transition);
        Assert.Equal(X, change.Member!.ClientId);
        // And with that it was noticed, long before the lease is renewed.
        await Eventually.True(
            async () => one.Store.IsReady && (await PlainSetAsync()).SetEquals(["y"]), TimeSpan.FromSeconds(2));
        Assert.Equal(["Came g y"], one.Changes);
    }

    [Fact]
    public async Task Keep_ReadyOnlyWhenWhole_GivenRedisRestart()
    {
        var one = await StartAsync(ShortLease);
        var clients = await JoinManyAsync(one, 5_000);

        await Server.StopAsync();
        await Eventually.True(() => !one.Store.IsReady);
        Assert.Null(await one.Store.GetMembersAsync(Group, Token));
        Assert.Equal(
            PresenceTransition.Unavailable, (await one.Store.JoinAsync(Group, X, Role.Worker, Token)).Transition);
        Assert.Equal(
            PresenceTransition.Unavailable,
            (await one.Store.UpdateStateAsync(Group, X, "{}"u8.ToArray(), Token)).Transition);
        await Server.StartAgainAsync();

        await Eventually.True(() => one.Store.IsReady, state: () => one.Log);
        Assert.Equal(clients, await PlainSetAsync());
        Assert.Equal(PresenceTransition.Came, (await one.Store.JoinAsync(Group, X, Role.Worker, Token)).Transition);
    }

    [Fact]
    public async Task LeaveAsync_GoneWhenReady_GivenRedisThatWasDownAndKeptItsData()
    {
        await Server.DisposeAsync();
        server = await RedisServer.StartAsync("--appendonly", "yes", "--appendfsync", "always");
        var one = await StartAsync();
        await one.Store.JoinAsync(Group, X, Role.Worker, Token);
        await one.Store.JoinAsync(Group, Y, Role.Worker, Token);
        await Server.StopAsync();
        Assert.Equal(PresenceTransition.Unavailable, (await one.Store.LeaveAsync(Group, X, Token)).Transition);
        Assert.False(one.Store.IsReady);

        await Server.StartAgainAsync();

        await Eventually.True(() => one.Store.IsReady, state: () => one.Log);
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

        await Eventually.True(() => one.Store.IsReady, state: () => one.Log);
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

        await Eventually.True(() => one.Store.Incarnation != incarnation && one.Store.IsReady, state: () => one.Log);
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
        await Eventually.True(() => one.Store.IsReady, state: () => one.Log);
        Assert.Equal(["y"], await PlainSetAsync());
        Assert.Empty(one.Changes);
        Assert.Equal(PresenceTransition.Came, (await one.Store.JoinAsync(Group, X, Role.Worker, Token)).Transition);
    }

    [Fact]
    public async Task Keep_NobodyLeaves_GivenRedisThatStoodStillShorterThanTheLease()
    {
        var one = await StartAsync(TimeSpan.FromSeconds(3));
        var two = await StartAsync(TimeSpan.FromSeconds(3));
        var clients = await JoinManyAsync(one, 20);

        Server.Pause();
        await Eventually.True(() => !one.Store.IsReady && !two.Store.IsReady, state: () => one.Log);
        Server.Resume();

        await Eventually.True(() => one.Store.IsReady && two.Store.IsReady, state: () => one.Log);
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
        await Eventually.True(() => DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() > end + 1_000);
        Server.Resume();

        await Eventually.True(
            () => one.Store.IsReady && one.Store.Incarnation != first
                && two.Store.IsReady && two.Store.Incarnation != second,
            state: () => one.Log + two.Log);
        Assert.Equal(21, (await MembersAsync(one, Group)).Count);
        Assert.All(await MembersAsync(one, Group), member => Assert.Equal(1, member.Connections));
        Assert.Empty(one.Changes);
        Assert.Empty(two.Changes);
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
        await Eventually.True(() => survivor.Changes.Count == 2, state: () => survivor.Log);
        Assert.Equal(["Went g x", "Went g y"], survivor.Changes);

        // It wakes. Before anything else it knows that it cannot know.
        clock.Advance(ShortLease);
        Assert.Equal(PresenceTransition.Unavailable, (await paused.Store.LeaveAsync(Group, Y, Token)).Transition);

        await Eventually.True(
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
        await Eventually.True(async () => await Server.RunAsync("ZSCORE", "ws:leases", incarnation) == "");

        // Its flags say that all is well; what it wrote now would stay for ever.
        Assert.True(paused.Store.IsReady);
        Assert.Equal(
            PresenceTransition.Unavailable, (await paused.Store.JoinAsync(Group, X, Role.Worker, Token)).Transition);
        await Eventually.True(
            async () => !(await Server.RunAsync("KEYS", "*")).Contains(incarnation, StringComparison.Ordinal));
        Assert.Empty(await PlainSetAsync());
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
        await Eventually.True(async () => await Server.RunAsync("ZSCORE", "ws:leases", incarnation) != end);
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

    [Fact]
    public async Task LeaveAsync_OnlyTheLeaseIsLeft_GivenLastMembersOfGroups()
    {
        var one = await StartAsync(ShortLease);
        for (int i = 0; i < 20; i++)
            await one.Store.JoinAsync(VisionId.Parse($"g{i}"), X, Role.Worker, Token);
        Assert.Equal("20", await Server.RunAsync("SCARD", "ws:groups:" + one.Store.Incarnation));

        for (int i = 0; i < 20; i++)
            await one.Store.LeaveAsync(VisionId.Parse($"g{i}"), X, Token);

        await Eventually.True(async () => await Server.RunAsync("KEYS", "*") == "ws:leases");
        await one.Store.JoinAsync(Group, X, Role.Worker, Token);
        Assert.Equal("g", await Server.RunAsync("SMEMBERS", "ws:groups:" + one.Store.Incarnation));
    }

    [Fact]
    public void LocalMember_SaysNothingOld_GivenJoinRightAfterTheLastLeave()
    {
        // The object is still there when the next join comes. With what was said before, nobody starts anew.
        var member = new LocalMember(new LocalGroup(Group), X);
        var lease = new PresenceLease(end: 1, renewedAt: 0) { Id = "a" };
        var record = new Member(X, Role.Worker, "{\"old\":1}"u8.ToArray(), 1, DateTime.UnixEpoch, DateTime.UnixEpoch);
        member.Join(Role.Worker, now: 0, out _);
        var answer = new Held(HeldTransition.Came, Before: 0, record, RoleTime: 5, Joined: 5, StateTime: 6);
        member.Succeeded(member.Next(lease, out _)!.Value, answer, out _);
        member.Leave(canWrite: true, out _);
        member.Succeeded(
            member.Next(lease, out _)!.Value, answer with { Transition = HeldTransition.Went, Before = 1 }, out _);

        member.Join(Role.Observer, now: 0, out _);
        var write = member.Next(lease, out _)!.Value;

        Assert.Equal((1, Role.Observer, 0L, 0L, 0L), (
            write.Connections, write.Role, write.RoleTime, write.Joined, write.StateTime));
        Assert.True(write.State.Span.SequenceEqual("{}"u8));
    }

    [Fact]
    public async Task JoinAsync_PlainSetInRedis_GivenMembers()
    {
        var one = await StartAsync();
        await one.Store.JoinAsync(Group, X, Role.Worker, Token);
        await one.Store.JoinAsync(Group, Y, Role.Worker, Token);
        await one.Store.JoinAsync(Group, Y, Role.Worker, Token);

        Assert.Equal("set", await Server.RunAsync("TYPE", "ws:members:{g}"));
        Assert.Equal(["x", "y"], (await PlainSetAsync()).Order());
        string[] keys = (await Server.RunAsync("KEYS", "*")).Split('\n');
        Assert.All(keys, key => Assert.StartsWith("ws:", key, StringComparison.Ordinal));

        await one.Store.LeaveAsync(Group, Y, Token);
        Assert.Equal(2, (await PlainSetAsync()).Count);
        await one.Store.LeaveAsync(Group, Y, Token);
        Assert.Equal(["x"], await PlainSetAsync());
    }

    [Fact]
    public async Task Touch_OneWriteForMany_GivenClientsThatAreDue()
    {
        var clock = new FakeTimeProvider();
        var one = await StartAsync(TimeSpan.FromHours(1), clock);
        var clients = (await JoinManyAsync(one, 400)).Select(VisionId.Parse).ToArray();
        var members = await MembersAsync(one, Group);
        var joined = members.ToDictionary(member => member.ClientId, member => member.LastSeen);

        // They connected just now: nothing is due, and noting it costs no memory.
        TouchAll();
        long before = GC.GetAllocatedBytesForCurrentThread();
        TouchAll();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        long calls = await ScriptCallsAsync();
        clock.Advance(PresenceTouches.Period);
        clock.Advance(TimeSpan.FromSeconds(10));
        TouchAll();
        TouchAll();
        clock.Advance(PresenceTouches.Period);

        await Eventually.True(async () =>
        {
            clock.Advance(TimeSpan.FromMilliseconds(50));
            return (await MembersAsync(one, Group)).All(member => member.LastSeen > joined[member.ClientId]);
        });
        // Two if the writing fell into the middle of the noting.
        Assert.InRange(await ScriptCallsAsync(), calls + 1, calls + 2);

        void TouchAll()
        {
            foreach (var client in clients)
                one.Store.Touch(Group, client);
        }
    }

    [Fact]
    public async Task Touch_LeavesNothing_GivenClientThatLeftMeanwhile()
    {
        var one = await StartAsync();
        await one.Store.JoinAsync(Group, X, Role.Worker, Token);

        await one.Scripts.TouchAsync(Group, ["y"]);

        string[] fields = (await Server.RunAsync("HKEYS", "ws:holders:{g}")).Split('\n');
        Assert.Equal(["x", "x:seen"], fields.Order());
    }

    private async Task<PresenceInstance> StartAsync(TimeSpan? lease = null, TimeProvider? time = null)
    {
        var instance = await PresenceInstance.StartAsync(Server, lease, time);
        instances.Add(instance);
        return instance;
    }

    private static async Task<HashSet<string>> JoinManyAsync(PresenceInstance instance, int count)
    {
        var clients = Enumerable.Range(0, count).Select(i => $"c{i}").ToHashSet();
        var changes = await Task.WhenAll(
            clients.Select(client => instance.Store.JoinAsync(Group, VisionId.Parse(client), Role.Worker, Token)));
        Assert.All(changes, change => Assert.Equal(PresenceTransition.Came, change.Transition));
        return clients;
    }

    private static async Task<IReadOnlyList<Member>> MembersAsync(PresenceInstance instance, VisionId group)
    {
        var members = await instance.Store.GetMembersAsync(group, Token);
        Assert.NotNull(members);
        return members;
    }

    /// <summary>The members as anybody may read them.</summary>
    private async Task<HashSet<string>> PlainSetAsync() =>
        [.. (await Server.RunAsync("SMEMBERS", "ws:members:{g}")).Split('\n', StringSplitOptions.RemoveEmptyEntries)];

    private async Task<string> GroupKeysAsync() => await Server.RunAsync("KEYS", "ws:groups:*");

    private async Task<long> ScriptCallsAsync()
    {
        string stats = await Server.RunAsync("INFO", "commandstats");
        // The client library sends a script whole the first time.
        return stats.Split('\n')
            .Where(line => line.StartsWith("cmdstat_eval", StringComparison.Ordinal))
            .Sum(line => long.Parse(line.Split('=', ',')[1], CultureInfo.InvariantCulture));
    }
}
