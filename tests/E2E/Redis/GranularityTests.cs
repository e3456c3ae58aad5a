using Xunit;

namespace Aether.Tests.E2E;

/// <summary>An instance hears what its own connections need, once, and nothing else.</summary>
public sealed class GranularityTests(TwoInstances instances) : IClassFixture<TwoInstances>
{
    [Fact]
    public async Task Instance_HearsNothingOfABusyGroup_GivenNoMemberOfItThere()
    {
        const int Messages = 3_000;
        await using var redis = await RedisServer.StartAsync();
        await using var wayA = DeafProxy.Start(redis);
        await using var wayB = DeafProxy.Start(redis);
        var options = new Dictionary<string, string> { ["RateLimit:PerSecond"] = "0" };
        await using var a = await TwoInstances.StartServerAsync(wayA.ConnectionString, options);
        await using var b = await TwoInstances.StartServerAsync(wayB.ConnectionString, options);
        await using var sender = await TestClient.ConnectAsync(a, "busy", "sender", "echo=off");
        await using var receiver = await TestClient.ConnectAsync(a, "busy", "receiver");
        await using var quiet = await TestClient.ConnectAsync(b, "quiet", "other");
        string payload = $$"""{"text":"{{new string('x', 1_024)}}"}""";
        long beforeA = wayA.Brought, beforeB = wayB.Brought;

        for (int i = 0; i < Messages; i++)
            await sender.SendAsync(Json.Message("sender", payload: payload));
        for (int i = 0; i < Messages; i++)
            await receiver.ReceiveTextAsync();

        long busy = wayA.Brought - beforeA, idle = wayB.Brought - beforeB;
        Assert.True(busy > Messages * 1_024, $"the busy instance heard {busy} bytes");
        // What is left is the answers to its own looks at Redis, a few hundred bytes a second.
        Assert.True(idle < busy / 100, $"the idle instance heard {idle} bytes of {busy}");
        Assert.Empty(await quiet.ReceiveUntilNowAsync());
    }

    [Fact]
    public async Task Channel_IsSubscribedOncePerInstance_HoweverManyConnectionsShareIt()
    {
        string group = instances.NewGroup(), channel = "ws:group:" + group;
        var onA = new List<TestClient>();
        var onB = new List<TestClient>();
        for (int i = 0; i < 5; i++)
        {
            onA.Add(await TestClient.ConnectAsync(instances.A, group, "shared"));
            Assert.Equal(1, await instances.HeardByAsync(channel));
        }
        for (int i = 0; i < 5; i++)
        {
            onB.Add(await TestClient.ConnectAsync(instances.B, group, "shared"));
            Assert.Equal(2, await instances.HeardByAsync(channel));
        }
        Assert.Equal(2, await instances.HeardByAsync("ws:client:shared"));
        Assert.Equal(2, await instances.HeardByAsync("ws:broadcast"));
        Assert.Equal("0", await instances.Redis.RunAsync("PUBSUB", "NUMPAT"));

        await CloseAsync(onA[..4]);
        await onA[4].SendAsync(Json.Message("shared", id: "m1"));
        Assert.Equal("shared", (await onB[0].ReceiveAsync()).Text("from_id"));
        Assert.Equal(2, await instances.HeardByAsync(channel));

        await CloseAsync(onA[4..]);
        await Eventually.HoldsAsync(async () => await instances.HeardByAsync(channel) == 1, "A gave the group up");
        await CloseAsync(onB);
        foreach (string given in new[] { channel, "ws:client:shared" })
            await Eventually.HoldsAsync(async () => await instances.HeardByAsync(given) == 0, given + " is given up");
        Assert.Equal("0", await instances.Redis.RunAsync("PUBSUB", "NUMPAT"));
    }

    [Theory]
    [InlineData("*")]
    [InlineData("ws:client:*")]
    [InlineData("[ab]")]
    [InlineData("a%0d%0ab")]
    [InlineData("{g}")]
    [InlineData("aether")]
    public async Task Upgrade_IsRefusedAndTouchesNothing_GivenAnIdThatIsNone(string id)
    {
        string group = instances.NewGroup();
        string[] keys = await instances.LinesAsync("KEYS", "ws:*");
        string[] channels = await instances.LinesAsync("PUBSUB", "CHANNELS");
        foreach (string path in new[] { $"/v3/ws/group/{group}/client/{id}", $"/v3/ws/group/{id}/client/c" })
        {
            await using var refused = await RawClient.RequestAsync(instances.A, path);
            Assert.Equal(400, refused.Status);
        }
        // Other tests do not run beside this one on these servers, so that any difference is this one's doing.
        Assert.Empty((await instances.LinesAsync("KEYS", "ws:*")).Except(keys));
        Assert.Empty((await instances.LinesAsync("PUBSUB", "CHANNELS")).Except(channels));
        Assert.Equal("0", await instances.Redis.RunAsync("PUBSUB", "NUMPAT"));
    }

    private static async Task CloseAsync(IEnumerable<TestClient> clients)
    {
        foreach (var client in clients)
        {
            await client.CloseAsync();
            await client.DisposeAsync();
        }
    }
}
