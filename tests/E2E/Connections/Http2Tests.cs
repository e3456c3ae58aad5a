using System.Net;
using System.Net.WebSockets;
using Xunit;

namespace Aether.Tests.E2E;

/// <summary>HTTP/2 upgrades by CONNECT, and obeys the same rules.</summary>
public sealed class Http2Tests
{
    private const string Key = "secret-key-number-one";

    [Fact]
    public async Task Connect_ObeysTheSameRules()
    {
        await using var server = await ServerProcess.StartAsync(
            new() { ["ApiKeys:0:Name"] = "k", ["ApiKeys:0:Key"] = Key },
            new() { ["Kestrel:EndpointDefaults:Protocols"] = "Http2" });
        await using var client = await ConnectAsync(server, "g", Key);
        await client.SendAsync(Json.Message("a", msg: "one", id: "1"));
        await client.SendAsync(Json.Message("a", msg: new string('x', 60_000)));
        // An answer and the messages of a group come in no order that anybody promises.
        var frames = new[] { await client.ReceiveAsync(), await client.ReceiveAsync(), await client.ReceiveAsync() };
        Assert.Single(frames, frame => frame.Text("cmd") == "ack");
        Assert.Equal([3, 60_000], frames.Select(frame => frame.Text("msg")?.Length).OfType<int>());
        await Assert.ThrowsAsync<WebSocketException>(() => ConnectAsync(server, "g", Key + "x"));
        await Assert.ThrowsAsync<WebSocketException>(() => ConnectAsync(server, "a:b", Key));
        await client.SendAsync("{}");
        Assert.Equal(4000, (await client.EndAsync()).Code);
        await using var another = await ConnectAsync(server, "g", Key);
        Assert.Equal(new Closed(1000, ""), await another.CloseAsync());
    }

    private static Task<TestClient> ConnectAsync(ServerProcess server, string group, string key) =>
        TestClient.ConnectAsync(server, group, "a", configure: options =>
        {
            options.HttpVersion = HttpVersion.Version20;
            options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
            options.SetRequestHeader("X-Aether-API-Key", key);
        });
}
