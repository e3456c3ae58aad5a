using System.Net;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using Aether.Api.WebSockets;
using Aether.Tests.Integration.Fixtures;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>A client that was away gets what it missed, over a real server in memory.</summary>
public sealed class ResumeTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Welcome_HasPositions_AndResumingWorksWithNothingReceived()
    {
        await using var host = HttpHost.Open();
        var before = await ConnectAsync(host, "g1", "away");
        string from = Positions(await before.NextAsync())["group"]!.ToString();
        Assert.EndsWith(":0", from, StringComparison.Ordinal);
        await before.CloseAsync();
        await CommandsAsync(host, "group", "1", "2");

        using var back = await ConnectAsync(host, "g1", "away", $"group_pos={from}");
        var welcome = await back.NextAsync();
        Assert.Equal(from, Positions(welcome)["group"]!.ToString());
        Assert.Equal(["1", "2"], [Msg(await back.NextAsync()), Msg(await back.NextAsync())]);
        Assert.Equal(
            """{"group":{"status":"recovered","count":2}}""", Payload(await back.NextAsync(), "recovered"));
        await CommandsAsync(host, "group", "3");
        Assert.Equal("3", Msg(await back.NextAsync()));
    }

    [Fact]
    public async Task EachChannel_IsReplayed_ByItsOwnPosition()
    {
        await using var host = HttpHost.Open();
        using var stays = await ConnectAsync(host, "g1", "away");
        using var elsewhere = await ConnectAsync(host, "g2", "away");
        var from = Positions(await stays.NextAsync());
        await CommandsAsync(host, "group", "to group");
        await CommandsAsync(host, "direct", "to client");
        await CommandsAsync(host, "direct", "g2", "sender", ["to the client elsewhere"]);
        await CommandsAsync(host, "broadcast", "to all");

        using var back = await ConnectAsync(
            host, "g1", "away", $"group_pos={from["group"]}&client_pos={from["client"]}&broadcast_pos={from["broadcast"]}");
        await back.NextAsync();
        var texts = new[] { Msg(await back.NextAsync()), Msg(await back.NextAsync()), Msg(await back.NextAsync()) };
        Assert.Equal(["to all", "to client", "to group"], texts.Order());
        Assert.Equal(
            """{"group":{"status":"recovered","count":1},"client":{"status":"recovered","count":1},"broadcast":{"status":"recovered","count":1}}""",
            Payload(await back.NextAsync(), "recovered"));
    }

    [Fact]
    public async Task Rewind_GivesTheLastOnes_AndAPositionGoesBeforeIt()
    {
        await using var host = HttpHost.Open();
        await CommandsAsync(host, "group", "1", "2", "3", "4");

        using var late = await ConnectAsync(host, "g1", "late", "rewind=2");
        string from = Positions(await late.NextAsync())["group"]!.ToString();
        Assert.EndsWith(":2", from, StringComparison.Ordinal);
        Assert.Equal(["3", "4"], [Msg(await late.NextAsync()), Msg(await late.NextAsync())]);
        Assert.Equal(
            """{"group":{"status":"recovered","count":2}}""", Payload(await late.NextAsync(), "recovered"));

        using var exact = await ConnectAsync(host, "g1", "exact", $"rewind=2&group_pos={from[..^1]}3");
        await exact.NextAsync();
        Assert.Equal("4", Msg(await exact.NextAsync()));
    }

    [Fact]
    public async Task MoreThanAChannelKeeps_IsLost_AlsoWhereTheInstanceHeardIt()
    {
        await using var host = HttpHost.Open(settings: [("History:Messages", "10")]);
        using var stays = await ConnectAsync(host, "g1", "stays");
        var from = Positions(await stays.NextAsync());
        await CommandsAsync(host, "group", [.. Enumerable.Range(1, 11).Select(i => $"{i}")]);
        await CommandsAsync(host, "broadcast", [.. Enumerable.Range(1, 11).Select(i => $"{i}")]);
        for (int i = 0; i < 22; i++)
            await stays.NextAsync();

        using var back = await ConnectAsync(
            host, "g1", "away", $"group_pos={from["group"]}&broadcast_pos={from["broadcast"]}");
        await back.NextAsync();
        Assert.Equal(
            """{"group":{"status":"lost","count":0,"reason":"too_many"},"broadcast":{"status":"lost","count":0,"reason":"too_many"}}""",
            Payload(await back.NextAsync(), "recovered"));
        using var late = await ConnectAsync(host, "g1", "late", "rewind=11");
        Assert.EndsWith(":1", Positions(await late.NextAsync())["group"]!.ToString(), StringComparison.Ordinal);
        Assert.Equal("2", Msg(await late.NextAsync()));
    }

    [Fact]
    public async Task SecondDrop_InTheMiddleOfAReplay_LeavesNoHoleAndNoDuplicate()
    {
        await using var host = HttpHost.Open();
        var first = await ConnectAsync(host, "g1", "away");
        string from = Positions(await first.NextAsync())["group"]!.ToString();
        await first.CloseAsync();
        await CommandsAsync(host, "group", [.. Enumerable.Range(0, 300).Select(i => $"{i}")]);
        var got = new List<string?>();
        string position = from;
        for (int drop = 0; drop < 3; drop++)
        {
            using var partly = await ConnectAsync(host, "g1", "away", $"group_pos={position}");
            await partly.NextAsync();
            for (int i = 0; i < 90; i++)
            {
                var message = await partly.NextAsync();
                got.Add(Msg(message));
                position = (string)message["pos"]!;
            }
            partly.Abort();
        }
        using var last = await ConnectAsync(host, "g1", "away", $"group_pos={position}");
        await last.NextAsync();
        for (int i = 0; i < 30; i++)
            got.Add(Msg(await last.NextAsync()));
        Assert.Equal("""{"group":{"status":"recovered","count":30}}""", Payload(await last.NextAsync(), "recovered"));
        Assert.Equal(Enumerable.Range(0, 300).Select(i => $"{i}"), got);
    }

    [Fact]
    public async Task LiveMessages_ComeBehindTheReplay_EachOnce_GivenASenderThatGoesOn()
    {
        await using var host = HttpHost.Open(settings: [("History:Messages", "10000"), ("SendQueue:Messages", "10000")]);
        using var sender = await ConnectAsync(host, "g1", "sender");
        string from = Positions(await sender.NextAsync())["group"]!.ToString();
        const int Count = 2_000;
        var sending = Task.Run(
            async () =>
            {
                for (int i = 0; i < Count; i++)
                    await sender.SendAsync(Command("group", $"{i}", from: "sender"));
            },
            Cancellation);
        var reading = Task.Run(
            async () =>
            {
                for (int i = 0; i < Count; i++)
                    await sender.NextAsync();
            },
            Cancellation);
        for (int round = 0; round < 5; round++)
        {
            using var back = await ConnectAsync(host, "g1", $"away{round}", $"group_pos={from}");
            await back.NextAsync();
            var seen = new List<string?>();
            while (seen.Count < Math.Min(200 * (round + 1), Count))
            {
                var message = await back.NextAsync();
                if ((string?)message["cmd"] == "go")
                    seen.Add(Msg(message));
            }
            Assert.Equal(Enumerable.Range(0, seen.Count).Select(i => $"{i}"), seen);
        }
        await Task.WhenAll(sending, reading);
    }

    [Fact]
    public async Task OwnMessages_AreNotReplayed_GivenEchoOff()
    {
        await using var host = HttpHost.Open();
        await CommandsAsync(host, "group", "other");
        await CommandsAsync(host, "group", "g1", "me", ["mine"]);
        await CommandsAsync(host, "group", "other again");
        using var me = await ConnectAsync(host, "g1", "me", "rewind=10&echo=off");
        await me.NextAsync();
        Assert.Equal(["other", "other again"], [Msg(await me.NextAsync()), Msg(await me.NextAsync())]);
        Assert.Equal("""{"group":{"status":"recovered","count":2}}""", Payload(await me.NextAsync(), "recovered"));
    }

    [Fact]
    public async Task PlainProfile_GetsTheMessagesAlone()
    {
        await using var host = HttpHost.Open();
        await CommandsAsync(host, "group", "1", "2");
        using var plain = await ConnectAsync(host, "g1", "plain", "rewind=10", full: false);
        var first = await plain.NextAsync();
        Assert.Equal("1", Msg(first));
        Assert.EndsWith(":1", (string?)first["pos"], StringComparison.Ordinal);
        Assert.Equal("2", Msg(await plain.NextAsync()));
        await CommandsAsync(host, "group", "3");
        Assert.Equal("3", Msg(await plain.NextAsync()));
    }

    [Theory]
    [InlineData("group_pos", "group_pos=x")]
    [InlineData("group_pos", "group_pos=")]
    [InlineData("group_pos", "group_pos=a:1%00")]
    [InlineData("rewind", "rewind=5%00")]
    [InlineData("group_pos", "group_pos=a:1&group_pos=a:1")]
    [InlineData("client_pos", "client_pos=a:-1")]
    [InlineData("client_pos", "client_pos=a:01")]
    [InlineData("broadcast_pos", "broadcast_pos=abcdefghijklmnopq:1")]
    [InlineData("rewind", "rewind=0")]
    [InlineData("rewind", "rewind=101")]
    [InlineData("rewind", "rewind=1.5")]
    [InlineData("rewind", "rewind=")]
    [InlineData("rewind", "rewind=1&rewind=1")]
    public async Task Upgrade_IsRefused_NamingTheParameter(string field, string query)
    {
        await using var host = HttpHost.Open();
        using var client = host.CreateClient();
        using var response = await client.GetAsync(
            new Uri($"/v3/ws/group/g1/client/c1?{query}", UriKind.Relative), Cancellation);
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        var problem = JsonNode.Parse(await response.Content.ReadAsStringAsync(Cancellation))!;
        Assert.Equal(field, (string?)problem["field"]);
    }

    [Fact]
    public async Task Lost_IsToldWithItsReason_AndNothingIsReplayed()
    {
        await using var host = HttpHost.Open(settings: ("History:Messages", "5"));
        var before = await ConnectAsync(host, "g1", "away");
        string first = Positions(await before.NextAsync())["group"]!.ToString();
        await before.CloseAsync();
        await CommandsAsync(host, "group", "1", "2", "3", "4", "5", "6");
        foreach (var (position, reason) in ((string, string)[])[("nosuch:1", "epoch"), (first, "too_many")])
            await AssertLostAsync(host, position, reason);
    }

    private static async Task AssertLostAsync(HttpHost host, string position, string reason)
    {
        using var back = await ConnectAsync(host, "g1", "away", $"group_pos={position}");
        await back.NextAsync();
        Assert.Equal(
            $$$"""{"group":{"status":"lost","count":0,"reason":"{{{reason}}}"}}""",
            Payload(await back.NextAsync(), "recovered"));
        await CommandsAsync(host, "group", "live");
        Assert.Equal("live", Msg(await back.NextAsync()));
    }

    [Fact]
    public async Task NothingKept_IsLost_AndTheWelcomeHasNoPositions()
    {
        await using var host = HttpHost.Open(settings: ("History:Types", ""));
        using var back = await ConnectAsync(host, "g1", "away", "group_pos=a:1");
        Assert.Null((await back.NextAsync())["payload"]!["positions"]);
        Assert.Equal(
            """{"group":{"status":"lost","count":0,"reason":"epoch"}}""", Payload(await back.NextAsync(), "recovered"));
    }

    [Fact]
    public async Task LongReplay_ToASlowReader_IsWhole()
    {
        await using var host = HttpHost.Open();
        await CommandsAsync(host, "group", [.. Enumerable.Range(0, 1_000).Select(i => $"{i} " + new string('x', 60_000))]);
        using var first = await ConnectAsync(host, "g1", "first", "rewind=1");
        string end = Positions(await first.NextAsync())["group"]!.ToString();
        using var slow = await ConnectAsync(host, "g1", "slow", $"group_pos={end[..end.IndexOf(':', StringComparison.Ordinal)]}:0");
        await slow.NextAsync();
        for (int i = 0; i < 1_000; i++)
            Assert.StartsWith($"{i} ", Msg(await slow.NextAsync()), StringComparison.Ordinal);
        Assert.Equal(
            """{"group":{"status":"recovered","count":1000}}""", Payload(await slow.NextAsync(), "recovered"));
    }

    [Fact]
    public async Task TooSlow_IsClosed_AndNothingLiveComesAheadOfWhatIsMissing()
    {
        await using var host = HttpHost.Open(settings: [("SendQueue:Messages", "10"), ("RateLimit:PerSecond", "0")]);
        await CommandsAsync(host, "group", [.. Enumerable.Range(0, 400).Select(i => $"{i} " + new string('x', 60_000))]);
        using var first = await ConnectAsync(host, "g1", "first", "rewind=1");
        string end = Positions(await first.NextAsync())["group"]!.ToString();
        using var slow = await ConnectAsync(
            host, "g1", "slow", $"group_pos={end[..end.IndexOf(':', StringComparison.Ordinal)]}:0", receiveBuffer: 65_536);
        await slow.NextAsync();
        await CommandsAsync(host, "group", [.. Enumerable.Range(400, 30).Select(i => $"{i} ")]);
        // Until then it takes nothing, and only what the system keeps for it is on its way.
        var registry = host.Services.GetRequiredService<ConnectionRegistry>();
        await Eventually.HoldsAsync(() => registry.Where(one => one.ClientId == Messages.Id("slow") && one.Reason is not null).Any());
        int expected = 0;
        while (await slow.TryNextAsync() is { } message)
            Assert.StartsWith($"{expected++} ", Msg(message), StringComparison.Ordinal);
        Assert.Equal(4101, (int?)slow.Status);
        Assert.InRange(expected, 1, 400);
    }

    [Fact]
    public async Task SentAgain_IsADuplicate_WithThePositionOfTheFirst()
    {
        await using var host = HttpHost.Open();
        using var sender = await ConnectAsync(host, "g1", "c1", "echo=off");
        await sender.NextAsync();
        await sender.SendAsync(Command("group", "x", from: "c1", more: ",\"id\":\"m1\""));
        var first = (await sender.NextAsync())["payload"]!;
        Assert.Equal("published", (string?)first["status"]);
        await sender.SendAsync(Command("group", "x", from: "c1", more: ",\"id\":\"m1\""));
        var again = (await sender.NextAsync())["payload"]!;
        Assert.Equal(
            ("duplicate", 0, (string?)first["pos"]),
            ((string?)again["status"], (int)again["instances"]!, (string?)again["pos"]));

        using var http = host.CreateClient();
        string byHttp = await PostAsync(http, Command("group", "x", from: "c1", more: ",\"id\":\"m1\",\"group_id\":\"g1\""));
        Assert.Equal($$"""{"instances":0,"status":"duplicate","pos":"{{first["pos"]}}"}""", byHttp);
    }

    private static string Command(string target, string text, string from = "sender", string more = "") =>
        $$"""{"msg_type":"cmd","target":"{{target}}","from_id":"{{from}}","to_id":"away","cmd":"go","msg":"{{text}}","payload":{},"sent_at":"2026-01-02T03:04:05Z"{{more}}}""";

    private static Task CommandsAsync(HttpHost host, string target, params string[] texts) =>
        CommandsAsync(host, target, "g1", "sender", texts);

    private static async Task CommandsAsync(HttpHost host, string target, string group, string from, string[] texts)
    {
        using var client = host.CreateClient();
        foreach (string text in texts)
            await PostAsync(client, Command(target, text, from, $",\"group_id\":\"{group}\""));
    }

    private static async Task<string> PostAsync(HttpClient client, string json)
    {
        using var content = new StringContent(json, Encoding.UTF8, "application/json");
        using var response = await client.PostAsync(new Uri("/v3/messages", UriKind.Relative), content, Cancellation);
        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        return await response.Content.ReadAsStringAsync(Cancellation);
    }

    private static async Task<ResumingClient> ConnectAsync(
        HttpHost host, string group, string client, string query = "", bool full = true, int receiveBuffer = 0) =>
        new(await host.ConnectAsync(
            group, client, query, subprotocol: full ? "aether.v3" : null, receiveBuffer: receiveBuffer));

    private static JsonNode Positions(JsonNode welcome)
    {
        Assert.Equal("welcome", (string?)welcome["cmd"]);
        return welcome["payload"]!["positions"]!;
    }

    private static string? Msg(JsonNode message) => (string?)message["msg"];

    private static string Payload(JsonNode message, string cmd)
    {
        Assert.Equal(cmd, (string?)message["cmd"]);
        return message["payload"]!.ToJsonString();
    }

    /// <summary>Reads whole messages of any length, presence left out.</summary>
    private sealed class ResumingClient(ClientWebSocket socket) : IDisposable
    {
        private readonly byte[] buffer = new byte[128 * 1024];

        public WebSocketCloseStatus? Status => socket.CloseStatus;

        public void Dispose() => socket.Dispose();

        public void Abort() => socket.Abort();

        public Task SendAsync(string json) => socket.SendAsync(json);

        public Task CloseAsync() => socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, Cancellation);

        public async Task<JsonNode> NextAsync() =>
            await TryNextAsync() ?? throw new InvalidOperationException($"closed: {socket.CloseStatus}");

        public async Task<JsonNode?> TryNextAsync()
        {
            while (true)
            {
                int length = 0;
                WebSocketReceiveResult received;
                do
                {
                    received = await socket.ReceiveAsync(
                        new ArraySegment<byte>(buffer, length, buffer.Length - length), Cancellation);
                    length += received.Count;
                }
                while (!received.EndOfMessage);
                if (received.MessageType == WebSocketMessageType.Close)
                    return null;
                var message = JsonNode.Parse(buffer.AsSpan(0, length))!;
                if ((string?)message["msg_type"] != "presence")
                    return message;
            }
        }
    }
}
