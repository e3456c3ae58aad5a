using System.Globalization;
using Aether.Domain;
using Aether.Infrastructure.Redis.Presence;
using Aether.Tests.Integration.Fixtures;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>What presence keeps in Redis, and what it costs.</summary>
public sealed class RedisPresenceStoreKeysTests : RedisPresenceTest
{
    [Fact]
    public async Task LeaveAsync_OnlyTheLeaseIsLeft_GivenLastMembersOfGroups()
    {
        var one = await StartAsync(ShortLease);
        for (int i = 0; i < 20; i++)
            await one.Store.JoinAsync(VisionId.Parse($"g{i}"), X, Role.Worker, Token);
        Assert.Equal("20", await Server.RunAsync("SCARD", "ws:groups:" + one.Store.Incarnation));

        for (int i = 0; i < 20; i++)
            await one.Store.LeaveAsync(VisionId.Parse($"g{i}"), X, Token);

        await Eventually.HoldsAsync(async () => await KeysOfMembersAsync() == "ws:leases");
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
        member.Leave(Role.Worker, canWrite: true, out _);
        member.Succeeded(
            member.Next(lease, out _)!.Value, answer with { Transition = HeldTransition.Went, Before = 1 }, out _);

        member.Join(Role.Observer, now: 0, out _);
        var write = member.Next(lease, out _)!.Value;

        Assert.Equal((1, Role.Observer, 0L, 0L, 0L), (
            write.Connections, write.Role, write.RoleTime, write.Joined, write.StateTime));
        Assert.True(write.State.Span.SequenceEqual("{}"u8));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void LocalMember_SaysWhatItWas_GivenAWriteThatCameAfterTheLease(bool wasRemoval)
    {
        var member = new LocalMember(new LocalGroup(Group), X);
        var lease = new PresenceLease(end: 1, renewedAt: 0) { Id = "a" };
        var next = new PresenceLease(end: 2, renewedAt: 1) { Id = "b" };
        var record = new Member(X, Role.Worker, "{\"old\":1}"u8.ToArray(), 1, DateTime.UnixEpoch, DateTime.UnixEpoch);
        member.Join(Role.Worker, now: 0, out _);
        var answer = new Held(HeldTransition.Came, Before: 0, record, RoleTime: 5, Joined: 5, StateTime: 6);
        member.Succeeded(member.Next(lease, out _)!.Value, answer, out _);

        if (wasRemoval)
        {
            member.Leave(Role.Worker, canWrite: true, out _);
            var removal = member.Next(lease, out _)!.Value;
            member.Join(Role.Observer, now: 0, out _);
            member.LeftToOthers(removal);
        }
        else
        {
            // One connection more, that closes before anything is known of it.
            member.Join(Role.Observer, now: 0, out _);
            member.Leave(Role.Observer, canWrite: true, out _);
            member.LeftToOthers(member.Next(lease, out _)!.Value);
        }
        var write = member.Next(next, out _)!.Value;

        // Whoever comes after a removal is another one; whoever is there all the time stays as it was.
        Assert.Equal(wasRemoval ? (Role.Observer, 0L, 0L, 0L) : (Role.Worker, 5L, 5L, 6L),
            (write.Role, write.RoleTime, write.Joined, write.StateTime));
        Assert.True(write.State.Span.SequenceEqual(wasRemoval ? "{}"u8 : "{\"old\":1}"u8));
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
        await NeverSeenAsync(clients);

        // They connected just now: nothing is due, and noting it a second time costs no memory.
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

        await Eventually.HoldsAsync(async () =>
        {
            clock.Advance(TimeSpan.FromMilliseconds(50));
            return (await MembersAsync(one, Group)).All(member => member.LastSeen > Never);
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

        await one.Scripts.TouchAsync(Group, ["y", 0]);

        string[] fields = (await Server.RunAsync("HKEYS", "ws:holders:{g}")).Split('\n');
        Assert.Equal(["x", "x:seen"], fields.Order());
    }

    [Fact]
    public async Task Touch_WaitsUntilItMayBeWritten_AndIsThenWhatItWas()
    {
        var clock = new FakeTimeProvider();
        var one = await StartAsync();
        await one.Store.JoinAsync(Group, X, Role.Worker, Token);
        await NeverSeenAsync(X);
        var started = DateTime.UtcNow;
        var touches = new PresenceTouches(one.Scripts, clock);
        var member = new LocalMember(new LocalGroup(Group), X);
        _ = member.Join(Role.Worker, clock.GetTimestamp(), out bool _);

        clock.Advance(TimeSpan.FromSeconds(2));
        touches.Add(member);
        clock.Advance(TimeSpan.FromSeconds(2));
        touches.Add(member);
        clock.Advance(TimeSpan.FromSeconds(5));
        await touches.WriteAsync();
        Assert.Equal(Never, await SeenAsync());
        clock.Advance(TimeSpan.FromSeconds(1));
        await touches.WriteAsync();
        // Six seconds before, and not now.
        Assert.InRange(await SeenAsync(), started.AddSeconds(-6.1), DateTime.UtcNow.AddSeconds(-5.9));

        await NeverSeenAsync(X);
        clock.Advance(TimeSpan.FromSeconds(1));
        touches.Add(member);
        clock.Advance(TimeSpan.FromSeconds(8));
        await touches.WriteAsync();
        Assert.Equal(Never, await SeenAsync());
        clock.Advance(TimeSpan.FromSeconds(1));
        await touches.WriteAsync();
        Assert.NotEqual(Never, await SeenAsync());

        async Task<DateTime> SeenAsync() => Assert.Single(await MembersAsync(one, Group)).LastSeen;
    }

    [Fact]
    public async Task Touch_IsInLineAgain_GivenThatTheLineWasForgotten()
    {
        var clock = new FakeTimeProvider();
        var one = await StartAsync();
        await one.Store.JoinAsync(Group, X, Role.Worker, Token);
        await NeverSeenAsync(X);
        var touches = new PresenceTouches(one.Scripts, clock);
        var member = new LocalMember(new LocalGroup(Group), X);
        touches.Add(member);
        touches.Clear();
        touches.Add(member);
        clock.Advance(TimeSpan.FromSeconds(10));
        await touches.WriteAsync();
        Assert.NotEqual(Never, Assert.Single(await MembersAsync(one, Group)).LastSeen);
    }

    [Fact]
    public async Task Touch_NeverGoesBack_GivenThatItWasSeenElsewhereSince()
    {
        var one = await StartAsync();
        await one.Store.JoinAsync(Group, X, Role.Worker, Token);
        var seen = Assert.Single(await MembersAsync(one, Group)).LastSeen;
        await one.Scripts.TouchAsync(Group, [X.Value, 3_600_000]);
        Assert.Equal(seen, Assert.Single(await MembersAsync(one, Group)).LastSeen);
    }

    private static readonly DateTime Never = DateTime.UnixEpoch.AddMilliseconds(1);

    private Task<string> NeverSeenAsync(params VisionId[] clients) => Server.RunAsync(
        ["HSET", "ws:holders:{g}", .. clients.SelectMany(client => new[] { client.Value + ":seen", "1" })]);

    private async Task<long> ScriptCallsAsync()
    {
        string stats = await Server.RunAsync("INFO", "commandstats");
        // The client library sends a script whole the first time.
        return stats.Split('\n')
            .Where(line => line.StartsWith("cmdstat_eval", StringComparison.Ordinal))
            .Sum(line => long.Parse(line.Split('=', ',')[1], CultureInfo.InvariantCulture));
    }
}
