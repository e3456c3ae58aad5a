using System.Diagnostics;
using Xunit;

namespace Aether.Tests.E2E;

/// <summary>Instances that die take their clients with them; instances that only pause do not.</summary>
[Collection(nameof(Alone))]
public sealed class KillTests
{
    private const int Guests = 50;

    [Fact]
    public async Task Members_AreGoneWithin15Seconds_GivenTheirInstanceKilled()
    {
        await using var instances = await TwoInstances.StartAsync();
        await using var everyone = new Clients();
        var watcher = await everyone.AddAsync(instances.A, "g", "watcher", protocols: TwoInstances.Full);
        await AddGuestsAsync(everyone, instances.B);
        // On both: it stays.
        await everyone.AddAsync(instances.A, "g", "guest0");
        await ReceiveJoinsAsync(watcher);
        Assert.Equal(Guests + 1, (await instances.MembersAsync("g")).Count);

        var since = Stopwatch.StartNew();
        instances.B.Kill();
        await Eventually.HoldsAsync(
            async () => (await instances.MembersAsync("g")).SetEquals(["watcher", "guest0"]),
            "whom the dead instance held is gone",
            TimeSpan.FromSeconds(15) - since.Elapsed);

        var left = new List<string?>();
        for (int i = 1; i < Guests; i++)
        {
            var told = await watcher.ReceiveAsync();
            Assert.Equal("leave", told.Text("cmd"));
            Assert.Equal("lost", told.Payload("reason").GetString());
            left.Add(told.Text("from_id"));
        }
        Assert.Equal(Guests - 1, left.Distinct().Count());
        Assert.DoesNotContain("guest0", left);
        Assert.Empty(await watcher.ReceiveUntilNowAsync());
        Assert.Equal(1, await instances.HeardByAsync("ws:group:g"));
    }

    [Fact]
    public async Task Nobody_LeavesOrComes_GivenAPauseShorterThanTheLease()
    {
        await using var instances = await TwoInstances.StartAsync();
        await using var everyone = new Clients();
        var watcher = await everyone.AddAsync(instances.A, "g", "watcher", protocols: TwoInstances.Full);
        await AddGuestsAsync(everyone, instances.B);
        await ReceiveJoinsAsync(watcher);
        var members = await instances.MembersAsync("g");

        // The lease is 10 s and renewed every third of it: the longest pause that is sure to be shorter is 6 s.
        instances.B.Pause();
        var pause = Stopwatch.StartNew();
        await Eventually.HoldsAsync(
            async () =>
            {
                Assert.Equal(members, await instances.MembersAsync("g"));
                return pause.Elapsed > TimeSpan.FromSeconds(5);
            },
            "the pause ends");
        instances.B.Resume();

        await TwoInstances.WaitUntilReadyAsync(instances.B);
        await everyone.All[1].SendAsync(Json.Message("guest0", msg: "still here"));
        // A pause is a gap only for those whose instance paused.
        Assert.Equal("still here", (await watcher.ReceiveAsync()).Text("msg"));
        Assert.Equal(members, await instances.MembersAsync("g"));
        Assert.All(everyone.All, client => Assert.False(client.HasEnded));
    }

    private static async Task AddGuestsAsync(Clients everyone, ServerProcess server)
    {
        for (int i = 0; i < Guests; i++)
            await everyone.AddAsync(server, "g", $"guest{i}");
    }

    private static async Task ReceiveJoinsAsync(TestClient watcher)
    {
        Assert.Equal("welcome", (await watcher.ReceiveAsync()).Text("cmd"));
        var joined = new HashSet<string?>();
        while (joined.Count < Guests)
        {
            var told = await watcher.ReceiveAsync();
            Assert.Equal("join", told.Text("cmd"));
            // Its own joining may be told before it listens.
            if (told.Text("from_id") != "watcher")
                Assert.True(joined.Add(told.Text("from_id")));
        }
    }
}
