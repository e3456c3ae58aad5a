using System.Net.WebSockets;
using System.Text.Json.Nodes;
using Aether.Application.Messaging;
using Aether.Tests.Integration.Fixtures;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>What a client may ask the server itself: <c>to_id</c> is <c>aether</c>, and the answer comes from there.</summary>
public sealed class ServerRequestTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task HistoryRead_GivesAPageOfTheOwnGroup_AndGoesOnBehindIt()
    {
        await using var host = HttpHost.Open();
        using var client = await host.ConnectAsync("g1", "c1", "echo=off");
        await KeepAsync(host, "1", "2", "3");

        var first = await AskAsync(client, """{"channel":"group","limit":2}""");
        var rest = await AskAsync(client, $$"""{"channel":"group","after":"{{first["pos"]}}"}""");

        Assert.Equal(["1", "2"], Texts(first));
        Assert.Equal(["3"], Texts(rest));
        Assert.Equal((false, true), ((bool)first["complete"]!, (bool)rest["complete"]!));
        Assert.EndsWith(":3", (string?)rest["pos"], StringComparison.Ordinal);
        Assert.Equal((string?)rest["pos"], (string?)rest["messages"]![0]!["pos"]);
    }

    [Fact]
    public async Task HistoryRead_GivesOfTheClientsChannelOnlyWhatIsForThisGroup()
    {
        await using var host = HttpHost.Open();
        using var client = await host.ConnectAsync("g1", "c1", "echo=off");
        using var elsewhere = await host.ConnectAsync("g2", "c1", "echo=off");
        var realtime = host.Services.GetRequiredService<IRealtime>();
        await realtime.ToClient("g1", "c1", new RealtimeMessage { Cmd = "go", Msg = "here" }, Cancellation);
        await realtime.ToClient("g2", "c1", new RealtimeMessage { Cmd = "go", Msg = "there" }, Cancellation);
        Assert.Equal("here", (string?)(await client.ReceiveAsync())["msg"]);
        Assert.Equal("there", (string?)(await elsewhere.ReceiveAsync())["msg"]);

        var page = await AskAsync(client, """{"channel":"client"}""");

        Assert.Equal(["here"], Texts(page));
        Assert.EndsWith(":2", (string?)page["pos"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task HistoryRead_IsNoLongerThanAMessageMayBe_AndGoesOn()
    {
        await using var host = HttpHost.Open(settings: [("MaxMessageBytes", "4096")]);
        using var client = await host.ConnectAsync("g1", "c1", "echo=off");
        string[] texts = [.. Enumerable.Range(0, 12).Select(i => $"{i}-{new string('x', 900)}")];
        await KeepAsync(host, texts);
        var read = new List<string?>();
        string after = "";

        while (true)
        {
            var page = await AskAsync(client, $$"""{"channel":"group"{{after}}}""");
            Assert.NotEmpty(Texts(page));
            Assert.InRange(page.ToJsonString().Length, 1, 4_096);
            read.AddRange(Texts(page));
            if ((bool)page["complete"]!)
                break;
            after = $",\"after\":\"{page["pos"]}\"";
        }

        Assert.Equal(texts, read);
    }

    [Theory]
    [InlineData("{}", "payload.channel")]
    [InlineData("""{"channel":"room"}""", "payload.channel")]
    [InlineData("""{"channel":1}""", "payload.channel")]
    [InlineData("""{"channel":"group","after":"abc"}""", "payload.after")]
    [InlineData("""{"channel":"group","after":7}""", "payload.after")]
    [InlineData("""{"channel":"group","limit":0}""", "payload.limit")]
    [InlineData("""{"channel":"group","limit":501}""", "payload.limit")]
    [InlineData("""{"channel":"group","limit":"5"}""", "payload.limit")]
    [InlineData("""{"channel":"group","limit":1.5}""", "payload.limit")]
    public async Task HistoryRead_NamesWhatIsWrong_AndTheConnectionStays(string payload, string field)
    {
        await using var host = HttpHost.Open();
        using var client = await host.ConnectAsync("g1", "c1", "echo=off");

        await client.SendAsync(Request("history.read", payload));
        AssertError(await client.ReceiveAsync(), "invalid_message", field, "q1");

        await AskAsync(client, """{"channel":"broadcast"}""");
    }

    [Fact]
    public async Task HistoryRead_SaysThatAPositionIsLost()
    {
        await using var host = HttpHost.Open();
        using var client = await host.ConnectAsync("g1", "c1", "echo=off");
        await KeepAsync(host, "1");

        var page = await AskAsync(client, """{"channel":"group","after":"another:1"}""");

        Assert.Equal("epoch", (string?)page["reason"]);
        Assert.Empty(Texts(page));
    }

    [Theory]
    [InlineData("no.such.request", ",\"id\":\"q1\"", "unknown_command", "cmd")]
    [InlineData("History.Read", ",\"id\":\"q1\"", "unknown_command", "cmd")]
    [InlineData("history.read", "", "invalid_message", "id")]
    public async Task Request_IsRefused_AndIsHeardByNobody(string cmd, string id, string code, string field)
    {
        await using var host = HttpHost.Open();
        using var client = await host.ConnectAsync("g1", "c1");
        using var other = await host.ConnectAsync("g1", "c2");

        await client.SendAsync(Request(cmd, "{}", id));

        AssertError(await client.ReceiveAsync(), code, field, id.Length > 0 ? "q1" : null);
        await client.SendAsync(
            """{"msg_type":"msg","target":"group","from_id":"c1","msg":"after it","payload":{},"sent_at":"2026-01-02T03:04:05Z"}""");
        Assert.Equal("after it", (string?)(await other.ReceiveAsync())["msg"]);
    }

    private static async Task KeepAsync(HttpHost host, params string[] texts)
    {
        var realtime = host.Services.GetRequiredService<IRealtime>();
        using var listener = await host.ConnectAsync("g1", "listener");
        foreach (string text in texts)
        {
            var outcome = await realtime.ToGroup("g1", new RealtimeMessage { Cmd = "go", Msg = text }, Cancellation);
            Assert.Null(outcome.Rejection);
        }
        foreach (string text in texts)
            Assert.Equal(text, (string?)(await listener.ReceiveAsync())["msg"]);
    }

    private static string Request(string cmd, string payload, string id = ",\"id\":\"q1\"") =>
        $$"""{"msg_type":"cmd","target":"direct","from_id":"c1","to_id":"aether","cmd":"{{cmd}}","payload":{{payload}},"sent_at":"2026-01-02T03:04:05Z"{{id}}}""";

    private static async Task<JsonNode> AskAsync(ClientWebSocket client, string payload)
    {
        await client.SendAsync(Request("history.read", payload));
        while (true)
        {
            var answer = await client.ReceiveAsync();
            // What is kept is heard as well.
            if ((string?)answer["cmd"] == "go")
                continue;
            Assert.Equal(
                ("reply", "aether", "c1", "q1"),
                ((string?)answer["cmd"], (string?)answer["from_id"], (string?)answer["to_id"], (string?)answer["reply_to"]));
            return answer["payload"]!;
        }
    }

    private static string?[] Texts(JsonNode page) =>
        [.. page["messages"]!.AsArray().Select(message => (string?)message!["msg"])];

    private static void AssertError(JsonNode answer, string code, string field, string? replyTo)
    {
        Assert.Equal(("error", replyTo), ((string?)answer["cmd"], (string?)answer["reply_to"]));
        Assert.Equal((code, field), ((string?)answer["payload"]!["code"], (string?)answer["payload"]!["field"]));
    }
}
