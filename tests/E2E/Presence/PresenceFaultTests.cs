using System.Diagnostics;
using System.Globalization;
using Xunit;

namespace Aether.Tests.E2E;

/// <summary>Presence is true again soon after an instance or Redis failed.</summary>
[Collection(nameof(Alone))]
public sealed class PresenceFaultTests
{
    // Nobody reads for the many clients of these tests, so nobody answers a ping for them.
    private static readonly Dictionary<string, string> NoPings = new() { ["KeepAlive:Interval"] = "0" };

    [Fact]
    public async Task Members_AreGoneIn15SecondsAndToldOnce_GivenOneOfThreeInstancesKilledWithAThousandClients()
    {
        // One group is told together, the other one by one.
        const int Large = 800, Small = 200;
        await using var instances = await TwoInstances.StartAsync(NoPings);
        await using var third = await TwoInstances.StartServerAsync(instances.Redis.ConnectionString, NoPings);
        await using var large = await PresenceObserver.ConnectAsync(instances.A, "large", "observer");
        await using var small = await PresenceObserver.ConnectAsync(instances.B, "small", "observer");
        await using var elsewhere = await TestClient.ConnectAsync(instances.B, "small", "c0");
        var clients = await ConnectAsync(third, "large", Large);
        clients.AddRange(await ConnectAsync(third, "small", Small));
        await large.HearUntilAsync(() => large.There.Count == Large);
        await small.HearUntilAsync(() => small.There.Count == Small);

        var since = Stopwatch.StartNew();
        third.Kill();

        await Eventually.HoldsAsync(
            async () => (await instances.MembersAsync("large")).SetEquals(["observer"])
                && (await instances.MembersAsync("small")).SetEquals(["observer", "c0"]),
            "whom the dead instance held is gone",
            TimeSpan.FromSeconds(15) - since.Elapsed);
        await large.HearUntilAsync(() => large.Leaves.Count == Large);
        await small.HearUntilAsync(() => small.Leaves.Count == Small - 1);
        // What comes twice would come at once, or with the other survivor's next look.
        var look = Stopwatch.StartNew();
        await Eventually.HoldsAsync(() => look.Elapsed > TimeSpan.FromSeconds(2), "the other survivor has looked");
        foreach (var observer in new[] { large, small })
        {
            await observer.HearUntilNowAsync();
            Assert.All(observer.Joins, one => Assert.Equal(1, one.Value));
            Assert.All(observer.Leaves, one => Assert.Equal(1, one.Value));
            Assert.All(observer.Reasons, reason => Assert.Equal("lost", reason));
        }
        Assert.Empty(large.There);
        Assert.Equal(["c0"], small.There);
        string keys = await instances.Redis.RunAsync("KEYS", "ws:held:*");
        Assert.Equal(2, keys.Split('\n').Length);
        foreach (var client in clients)
            await client.DisposeAsync();
    }

    [Fact]
    public async Task Members_AreGoneMeanwhileAndBackAfterwards_GivenAPauseLongerThanTheLease()
    {
        const int Guests = 50;
        await using var instances = await TwoInstances.StartAsync(new() { ["Presence:Lease"] = "4" });
        await using var observer = await PresenceObserver.ConnectAsync(instances.A, "g", "observer");
        await using var both = await TestClient.ConnectAsync(instances.A, "g", "c0");
        await using var guests = new Clients();
        for (int i = 0; i < Guests; i++)
            await guests.AddAsync(instances.B, "g", Name(i));
        await observer.HearUntilAsync(() => observer.There.Count == Guests);

        instances.B.Pause();
        await Eventually.HoldsAsync(
            async () => (await instances.MembersAsync("g")).SetEquals(["observer", "c0"]), "they are gone");
        await observer.HearUntilAsync(() => observer.Leaves.Count == Guests - 1);
        instances.B.Resume();
        var since = Stopwatch.StartNew();
        await Eventually.HoldsAsync(
            async () => (await instances.MembersAsync("g")).Count == Guests + 1,
            "they are back",
            TimeSpan.FromSeconds(15));
        await observer.HearUntilAsync(() => observer.There.Count == Guests);

        await TwoInstances.WaitUntilReadyAsync(instances.B);
        await Eventually.HoldsAsync(() => since.Elapsed > TimeSpan.FromSeconds(8), "two leases are over");
        await observer.HearUntilNowAsync();
        for (int i = 1; i < Guests; i++)
            Assert.Equal((2, 1), (observer.Joins[Name(i)], observer.Leaves[Name(i)]));
        Assert.Equal(1, observer.Joins["c0"]);
        Assert.DoesNotContain("c0", observer.Leaves.Keys);
        Assert.All(observer.Reasons, reason => Assert.Equal("lost", reason));
        var roster = await Roster.OfAsync(observer.Client);
        Assert.Equal(Guests + 1, roster.Total);
        Assert.All(roster.Members, member => Assert.Equal(member.Id == "c0" ? 2 : 1, member.Connections));
        Assert.All(guests.All, guest => Assert.False(guest.HasEnded));
    }

    [Fact]
    public async Task Presence_IsWholeWithin10Seconds_GivenRedisFlushed()
    {
        const int Guests = 60;
        await using var instances = await TwoInstances.StartAsync();
        await using var observer = await PresenceObserver.ConnectAsync(instances.A, "g", "observer");
        await using var guests = await ConnectToBothAsync(instances, Guests);
        await observer.HearUntilAsync(() => observer.There.Count == Guests);

        await instances.Redis.RunAsync("FLUSHALL");

        await Eventually.HoldsAsync(
            async () => (await instances.MembersAsync("g")).Count == Guests + 1,
            "presence is whole",
            TimeSpan.FromSeconds(10));
        foreach (var server in new[] { instances.A, instances.B })
            await TwoInstances.WaitUntilReadyAsync(server, TimeSpan.FromSeconds(10));
        await AssertWholeAsync(observer, Guests);
        // No message is lost over it.
        await guests.All[0].SendAsync(Json.Message(guests.All[0].Id, msg: "after"));
        Assert.Equal("after", (await guests.All[1].ReceiveAsync()).Text("msg"));
    }

    [Fact]
    public async Task Readiness_IsBackOnlyWhenPresenceIsWhole_GivenRedisRestarted()
    {
        const int Guests = 300;
        await using var redis = await RedisServer.StartAsync();
        await using var server = await TwoInstances.StartServerAsync(redis.ConnectionString, NoPings);
        await using var observer = await PresenceObserver.ConnectAsync(server, "g", "observer");
        var guests = await ConnectAsync(server, "g", Guests);
        await observer.HearUntilAsync(() => observer.There.Count == Guests);

        await redis.StopAsync();
        await Eventually.HoldsAsync(
            async () => await TwoInstances.StatusAsync(server, "/health/ready") == 503, "it is not ready");
        await redis.StartAgainAsync();
        var since = Stopwatch.StartNew();
        await Eventually.HoldsAsync(
            async () => await TwoInstances.StatusAsync(server, "/health/ready") == 200, "it is ready");
        // At once, with no waiting.
        Assert.Equal($"{Guests + 1}", await redis.RunAsync("SCARD", "ws:members:{g}"));
        Assert.InRange(since.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(10));
        await AssertWholeAsync(observer, Guests);
        foreach (var guest in guests)
            await guest.DisposeAsync();
    }

    private static async Task AssertWholeAsync(PresenceObserver observer, int guests)
    {
        await observer.HearUntilNowAsync();
        // Nobody left, so nobody is told as come again.
        Assert.Empty(observer.Leaves);
        Assert.All(observer.Joins, one => Assert.Equal(1, one.Value));
        Assert.Equal(guests, observer.There.Count);
        var roster = await Roster.OfAsync(observer.Client);
        Assert.Equal(guests + 1, roster.Total);
        Assert.All(roster.Members, member => Assert.Equal(1, member.Connections));
    }

    private static async Task<Clients> ConnectToBothAsync(TwoInstances instances, int count)
    {
        var clients = new Clients();
        for (int i = 0; i < count; i++)
            await clients.AddAsync(i % 2 == 0 ? instances.A : instances.B, "g", Name(i));
        return clients;
    }

    private static async Task<List<RawClient>> ConnectAsync(ServerProcess server, string group, int count)
    {
        const int AtOnce = 20;
        var clients = new List<RawClient>(count);
        for (int from = 0; from < count; from += AtOnce)
        {
            clients.AddRange(await Task.WhenAll(
                Enumerable.Range(from, Math.Min(AtOnce, count - from))
                    .Select(i => RawClient.ConnectAsync(server, group, Name(i)))));
        }
        return clients;
    }

    private static string Name(int i) => "c" + i.ToString(CultureInfo.InvariantCulture);
}
