using Xunit;

namespace Aether.Tests.E2E;

/// <summary>A Redis that answers and refuses: what is refused, what goes on, and that the sender is told the truth.</summary>
public sealed class RedisRefusalTests
{
    [Fact]
    public async Task FullRedis_IsToldAsFull_AndMessagesGoOn()
    {
        await using var instances = await TwoInstances.StartAsync();
        await using var sender = await TestClient.ConnectAsync(instances.A, "g", "sender", "echo=off");
        await using var far = await TestClient.ConnectAsync(instances.B, "g", "far");
        await instances.Redis.RunAsync("CONFIG", "SET", "maxmemory", "1");

        Assert.Equal("the backplane is full; nothing was sent", await SayStateAsync(sender));
        await using (var refused = await RawClient.RequestAsync(instances.A, "/v3/ws/group/g/client/late"))
        {
            Assert.Equal(503, refused.Status);
            Assert.Contains("the backplane is full", refused.Body, StringComparison.Ordinal);
        }
        await sender.SendAsync(Json.Message("sender", msg: "to all", id: "m1"));
        Assert.Equal(2, (await sender.ReceiveAsync()).Payload("instances").GetInt32());
        await sender.SendAsync(Json.Message("sender", "direct", to: "far", msg: "to you", id: "m2"));
        Assert.Equal(1, (await sender.ReceiveAsync()).Payload("instances").GetInt32());
        string?[] heard = [(await far.ReceiveAsync()).Text("msg"), (await far.ReceiveAsync()).Text("msg")];
        // Through two channels, between which there is no order.
        Assert.Equal(["to all", "to you"], heard.Order());
        Assert.Equal(200, await TwoInstances.StatusAsync(instances.A, "/health/ready"));

        await instances.Redis.RunAsync("CONFIG", "SET", "maxmemory", "0");
        Assert.Null(await SayStateAsync(sender));
    }

    [Theory]
    [InlineData("CONFIG SET min-replicas-to-write 1", "CONFIG SET min-replicas-to-write 0")]
    [InlineData("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE")]
    public async Task ReadOnlyRedis_IsToldAsReadOnly_AsLongAsItIs(string broken, string healed)
    {
        await using var instances = await TwoInstances.StartAsync();
        await using var sender = await TestClient.ConnectAsync(instances.A, "g", "sender", "echo=off");
        await using var far = await TestClient.ConnectAsync(instances.B, "g", "far");
        await instances.Redis.RunAsync(broken.Split(' '));

        // Until the instance knows it by itself, and after that.
        var told = new HashSet<string?>();
        await Eventually.HoldsAsync(
            async () =>
            {
                told.Add(await SayStateAsync(sender));
                await sender.SendAsync(Json.Message("sender", id: "m"));
                var answer = await sender.ReceiveAsync();
                if (answer.Text("cmd") == "error")
                    told.Add(answer.Text("msg"));
                return await TwoInstances.StatusAsync(instances.A, "/health/ready") == 503;
            },
            "the instance is not ready",
            TimeSpan.FromSeconds(60));
        for (int i = 0; i < 10; i++)
            told.Add(await SayStateAsync(sender));
        Assert.Equal(["the backplane is read-only; nothing was sent"], told);

        await instances.Redis.RunAsync(healed.Split(' '));
        await TwoInstances.WaitUntilReadyAsync(instances.A, TimeSpan.FromSeconds(60));
        await TwoInstances.WaitUntilReadyAsync(instances.B, TimeSpan.FromSeconds(60));
        Assert.Null(await SayStateAsync(sender));
    }

    /// <summary>What a client is told that says its state; <see langword="null"/> if it is taken.</summary>
    private static async Task<string?> SayStateAsync(TestClient client)
    {
        string id = Guid.NewGuid().ToString("N");
        await client.SendAsync(Json.Message(
            client.Id, type: "presence", cmd: "update", payload: """{"state":{"a":1}}""", id: id));
        while (true)
        {
            var answer = await client.ReceiveAsync();
            if (answer.Text("reply_to") == id)
                return answer.Text("cmd") == "ack" ? null : answer.Text("msg");
        }
    }
}
