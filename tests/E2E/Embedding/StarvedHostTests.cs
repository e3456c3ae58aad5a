using System.Diagnostics;
using System.Globalization;
using Xunit;

namespace Aether.Tests.E2E;

/// <summary>A host that blocks the threads of the shared pool makes its instance slow, and nothing worse.</summary>
[Collection(nameof(Alone))]
public sealed class StarvedHostTests
{
    /// <summary>Longer than the lease, and than anything that would be taken for a dead Redis.</summary>
    private static readonly TimeSpan Starved = TimeSpan.FromSeconds(14);

    private static readonly TimeSpan Recovery = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task NobodyIsLostAndEverythingArrives_GivenAHostThatBlocksItsPool()
    {
        const int Guests = 20;
        await using var redis = await RedisServer.StartAsync();
        await using var starved = await StarvedHost.StartAsync(
            redis.ConnectionString, new() { ["Presence:Lease"] = "5" });
        await using var other = await TwoInstances.StartServerAsync(
            redis.ConnectionString, new() { ["Presence:Lease"] = "5" });
        await using var observer = await PresenceObserver.ConnectAsync(other, "g", "observer");
        await using var guests = new Clients();
        for (int i = 0; i < Guests; i++)
            await guests.AddAsync(starved.Server, "g", "c" + i, protocols: TwoInstances.Full);
        await observer.HearUntilAsync(() => observer.There.Count == Guests);
        var (listener, talker) = (guests.All[0], guests.All[1]);
        await using var sender = await TestClient.ConnectAsync(other, "g", "sender");
        string before = starved.Server.Log;

        starved.Block();
        int sent = 0;
        for (var since = Stopwatch.StartNew(); since.Elapsed < Starved; sent++)
        {
            await sender.SendAsync(Json.Message("sender", msg: sent.ToString(CultureInfo.InvariantCulture)));
            await talker.SendAsync(Json.Message("c1", msg: sent.ToString(CultureInfo.InvariantCulture)));
            await Task.Delay(TimeSpan.FromMilliseconds(50), TestContext.Current.CancellationToken);
        }
        starved.Relieve();

        await TwoInstances.WaitUntilReadyAsync(starved.Server, Recovery);
        string log = starved.Server.Log[before.Length..];
        Assert.False(log.Contains("not ready", StringComparison.Ordinal), log);
        Assert.False(log.Contains("Dropped", StringComparison.Ordinal), log);
        Assert.False(log.Contains("lease", StringComparison.Ordinal), log);
        await HearAllAsync(listener, "sender", "c1", sent);
        await HearAllAsync(sender, "sender", "c1", sent);
        await observer.HearUntilNowAsync();
        Assert.Empty(observer.Leaves);
    }

    /// <summary>Hears what two senders said, each in its order and to the end, and no gap.</summary>
    private static async Task HearAllAsync(TestClient client, string one, string two, int count)
    {
        var next = new Dictionary<string, int> { [one] = 0, [two] = 0 };
        while (next.Values.Any(number => number < count))
        {
            var message = await client.ReceiveAsync(Recovery);
            Assert.NotEqual("gap", message.Text("cmd"));
            if (message.Text("from_id") is not { } from || message.Text("msg") is not { } msg || !next.ContainsKey(from))
                continue;
            Assert.Equal(next[from]++, int.Parse(msg, CultureInfo.InvariantCulture));
        }
    }
}
