using System.Text.Json;
using Xunit;

namespace Aether.Tests.E2E.History;

/// <summary>A Redis that comes back without its newest messages, and gives their numbers to others.</summary>
public sealed class GoneBackTests
{
    [Fact]
    public async Task LostNumbers_AreNeverTakenForOthers_GivenARedisThatForgotItsNewestMessages()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var a = await TwoInstances.StartServerAsync(redis.ConnectionString);
        await using var b = await TwoInstances.StartServerAsync(redis.ConnectionString);
        await using var sender = await TestClient.ConnectAsync(a, "g", "sender", "echo=off");
        await using var stays = await TestClient.ConnectAsync(b, "g", "stays", protocols: TwoInstances.Full);
        string position;
        await using (var leaves = await TestClient.ConnectAsync(b, "g", "leaves"))
        {
            await SendAsync(sender, 1, 2);
            await redis.RunAsync("SAVE");
            await SendAsync(sender, 3, 5);
            position = (await UpToAsync(leaves, "5")).Text("pos")!;
        }
        string old = position.Split(':')[0];
        Assert.Equal(old + ":5", position);
        await UpToAsync(stays, "5");

        await redis.KillAsync();
        await redis.StartAgainAsync();
        await TwoInstances.WaitUntilReadyAsync(a, TimeSpan.FromSeconds(30));
        await TwoInstances.WaitUntilReadyAsync(b, TimeSpan.FromSeconds(30));
        // As many as were lost, and one more: the position of who was away is one that the stream has again.
        await SendAsync(sender, 6, 9);

        var gap = await WaitAsync(stays, frame => frame.Text("cmd") == "gap");
        Assert.Contains("cmd", gap.Payload("types").EnumerateArray().Select(type => type.GetString()));
        foreach (int number in Enumerable.Range(6, 4))
        {
            var frame = await WaitAsync(stays, frame => frame.Text("cmd") == "go");
            Assert.Equal($"{number}", frame.Text("msg"));
            Assert.NotEqual(old, frame.Text("pos")!.Split(':')[0]);
        }
        await using var back = await TestClient.ConnectAsync(
            a, "g", "leaves", "group_pos=" + position, protocols: TwoInstances.Full);
        var recovered = await WaitAsync(back, frame => frame.Text("cmd") is "recovered" or "go");
        Assert.Equal("recovered", recovered.Text("cmd"));
        Assert.Equal("lost", recovered.Payload("group").Text("status"));
        Assert.Equal("epoch", recovered.Payload("group").Text("reason"));
    }

    private static async Task SendAsync(TestClient sender, int from, int to)
    {
        for (int number = from; number <= to; number++)
        {
            await sender.SendAsync(Json.Message(sender.Id, type: "cmd", cmd: "go", msg: $"{number}", id: $"m-{number}"));
            Assert.Equal("ack", (await sender.ReceiveAsync()).Text("cmd"));
        }
    }

    private static Task<JsonElement> UpToAsync(TestClient client, string text) =>
        WaitAsync(client, frame => frame.Text("msg") == text);

    private static async Task<JsonElement> WaitAsync(TestClient client, Func<JsonElement, bool> isIt)
    {
        while (true)
        {
            var frame = await client.ReceiveAsync();
            if (isIt(frame))
                return frame;
        }
    }
}
