using System.Text.Json;
using Xunit;

namespace Aether.Tests.E2E;

/// <summary>What clients and operators see while Redis is away, and after it.</summary>
public sealed class RedisFaultTests
{
    private static readonly TimeSpan Outage = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Server_StartsAndBecomesReadyLater_GivenRedisDownAtStart()
    {
        await using var redis = RedisServer.Create();
        await using var server = await TwoInstances.StartServerAsync(redis.ConnectionString, ready: false);

        Assert.Equal(200, await TwoInstances.StatusAsync(server, "/health/live"));
        Assert.Equal(503, await TwoInstances.StatusAsync(server, "/health/ready"));
        await using (var refused = await RawClient.RequestAsync(server, "/v3/ws/group/g/client/c"))
        {
            Assert.Equal(503, refused.Status);
            Assert.NotNull(refused.Header("Retry-After"));
        }

        await redis.StartAgainAsync();
        await TwoInstances.WaitUntilReadyAsync(server, Outage);
        await using var client = await TestClient.ConnectAsync(server, "g", "c");
        await client.SendAsync(Json.Message("c", msg: "works"));
        Assert.Equal("works", (await client.ReceiveAsync()).Text("msg"));
        Assert.Equal("c", await redis.RunAsync("SMEMBERS", "ws:members:{g}"));
    }

    [Fact]
    public async Task Connections_StayAndHearOnlyWhatIsNew_GivenRedisStoppedAndStarted()
    {
        await using var instances = await TwoInstances.StartAsync();
        await using var sender = await TestClient.ConnectAsync(instances.A, "g", "sender", "echo=off");
        await using var plain = await TestClient.ConnectAsync(instances.B, "g", "plain");
        await using var full = await TestClient.ConnectAsync(instances.B, "g", "full", protocols: TwoInstances.Full);

        await instances.Redis.StopAsync();
        foreach (var server in new[] { instances.A, instances.B })
        {
            await Eventually.HoldsAsync(
                async () => await TwoInstances.StatusAsync(server, "/health/ready") == 503, "not ready");
            Assert.Equal(200, await TwoInstances.StatusAsync(server, "/health/live"));
        }
        for (int i = 0; i < 20; i++)
        {
            string target = i % 2 == 0 ? "group" : "broadcast";
            await sender.SendAsync(Json.Message("sender", target, msg: "lost", id: "lost-" + i));
            var answer = await sender.ReceiveAsync();
            Assert.True(answer.IsError("backplane_unavailable"), answer.GetRawText());
            Assert.Equal("lost-" + i, answer.Text("reply_to"));
            Assert.True(answer.Payload("retryable").GetBoolean());
        }
        await sender.SendAsync(Json.Message("sender", "echo", msg: "needs no Redis"));
        Assert.Equal("needs no Redis", (await sender.ReceiveAsync()).Text("msg"));
        await using (var refused = await RawClient.RequestAsync(instances.A, "/v3/ws/group/g/client/late"))
            Assert.Equal(503, refused.Status);

        await instances.Redis.StartAgainAsync();
        await TwoInstances.WaitUntilReadyAsync(instances.A, Outage);
        await TwoInstances.WaitUntilReadyAsync(instances.B, Outage);
        await sender.SendAsync(Json.Message("sender", msg: "new", id: "new-1"));
        Assert.Equal(2, (await sender.ReceiveAsync()).Payload("instances").GetInt32());
        Assert.Equal("new", (await plain.ReceiveAsync()).Text("msg"));
        var before = await ReceiveUpToAsync(full, "new");
        Assert.Contains(before, message => message.Text("cmd") == "gap");
        Assert.DoesNotContain(before, message => message.Text("msg") == "lost");
        // Nobody left, and so nobody came back.
        Assert.DoesNotContain(before, message => message.Text("cmd") is "leave");
        Assert.Equal(["full", "plain", "sender"], (await instances.MembersAsync("g")).Order());
    }

    [Fact]
    public async Task Subscriptions_ComeBackWithAGap_GivenTheirConnectionKilled()
    {
        await using var instances = await TwoInstances.StartAsync();
        await using var sender = await TestClient.ConnectAsync(instances.A, "g", "sender", "echo=off");
        await using var plain = await TestClient.ConnectAsync(instances.B, "g", "plain");
        await using var full = await TestClient.ConnectAsync(instances.B, "g", "full", protocols: TwoInstances.Full);
        Assert.Equal("welcome", (await full.ReceiveAsync()).Text("cmd"));

        for (int round = 0; round < 3; round++)
        {
            Assert.Equal("2", await instances.Redis.RunAsync("CLIENT", "KILL", "TYPE", "pubsub"));

            var before = await ReceiveUpToAsync(full, cmd: "gap");
            Assert.DoesNotContain(before, message => message.Text("msg") is not null);
            await TwoInstances.WaitUntilReadyAsync(instances.A);
            await TwoInstances.WaitUntilReadyAsync(instances.B);
            await sender.SendAsync(Json.Message("sender", msg: "after " + round, id: "m" + round));
            Assert.Equal(2, (await sender.ReceiveAsync()).Payload("instances").GetInt32());
            Assert.Equal("after " + round, (await plain.ReceiveAsync()).Text("msg"));
            await ReceiveUpToAsync(full, "after " + round);
        }
        Assert.Equal(2, await instances.HeardByAsync("ws:group:g"));
        Assert.Equal(["full", "plain", "sender"], (await instances.MembersAsync("g")).Order());
    }

    private static async Task<List<JsonElement>> ReceiveUpToAsync(
        TestClient client, string? msg = null, string? cmd = null)
    {
        var before = new List<JsonElement>();
        while (true)
        {
            var message = await client.ReceiveAsync(Outage);
            if ((msg is not null && message.Text("msg") == msg) || (cmd is not null && message.Text("cmd") == cmd))
                return before;
            before.Add(message);
        }
    }
}
