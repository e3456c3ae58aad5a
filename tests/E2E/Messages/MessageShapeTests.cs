using System.Text.Json;
using System.Text.RegularExpressions;
using Xunit;

namespace Aether.Tests.E2E;

/// <summary>
/// What a message looks like when it arrives, and what the server says itself.
/// </summary>
public sealed class MessageShapeTests(DefaultServer server) : IClassFixture<DefaultServer>
{
    private readonly string group = server.NewGroup();

    [Fact]
    public async Task Group_ArrivesWithTenFieldsInOrder_GivenOnlyTheRequired()
    {
        await using var sender = await ConnectAsync("a");
        await using var receiver = await ConnectAsync("b");
        await sender.SendAsync(
            """{"sent_at":"2026-01-02T03:04:05Z","payload":{},"from_id":"a","target":"group","msg_type":"msg"}""");
        string expected = "{\"version\":\"3\",\"msg_type\":\"msg\",\"target\":\"group\",\"from_id\":\"a\","
            + $"\"to_id\":null,\"group_id\":\"{group}\",\"cmd\":null,\"msg\":null,\"payload\":{{}},"
            + "\"sent_at\":\"2026-01-02T03:04:05Z\"}";
        Assert.Equal(expected, await receiver.ReceiveTextAsync());
        Assert.Equal(expected, await sender.ReceiveTextAsync());
    }

    [Fact]
    public async Task Group_ArrivesWhole_GivenEveryField()
    {
        await using var sender = await ConnectAsync("a");
        await using var receiver = await ConnectAsync("b");
        await sender.SendAsync(Json.Message(
            "a", to: "b", type: "cmd", group: group, cmd: "start", msg: "é\"\\\n", payload: """{"x":1}""", id: "7",
                replyTo: "6"));
        Assert.Equal(
            "{\"version\":\"3\",\"msg_type\":\"cmd\",\"target\":\"group\",\"from_id\":\"a\",\"to_id\":\"b\","
            + $"\"group_id\":\"{group}\",\"cmd\":\"start\",\"msg\":\"é\\\"\\\\\\n\",\"payload\":{{\"x\":1}},"
            + "\"sent_at\":\"2026-01-02T03:04:05Z\",\"id\":\"7\",\"reply_to\":\"6\",\"pos\":\"POS\"}",
            Regex.Replace(await receiver.ReceiveTextAsync(), "(?<=\"pos\":\")[A-Za-z0-9]{1,16}:[1-9][0-9]*", "POS"));
    }

    [Theory]
    [InlineData("{ \"a\" :\t1 ,\n\"b\":[ ] }")]
    [InlineData("""{"n":9007199254740993,"big":1e400,"tiny":1e-400,"zero":-0.0,"dot":1.50}""")]
    [InlineData("""{"s":"\u0041\/\ud83d\ude00\u0000","é":"😀"}""")]
    [InlineData("""{"a":1,"a":2,"payload":{"from_id":"b"}}""")]
    public async Task Payload_ArrivesByteForByte(string payload)
    {
        await using var client = await ConnectAsync("a");
        await client.SendAsync(Json.Message("a", payload: payload));
        Assert.Contains("\"payload\":" + payload + ",", await client.ReceiveTextAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("2026-01-02T03:04:05", "2026-01-02T03:04:05Z")]
    [InlineData("2026-01-02T03:04:05.120+02:00", "2026-01-02T01:04:05.12Z")]
    [InlineData("2026-01-02T23:30:00-01:00", "2026-01-03T00:30:00Z")]
    [InlineData("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z")]
    [InlineData("9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59.9999999Z")]
    public async Task SentAt_ArrivesInUtc(string sent, string received)
    {
        await using var client = await ConnectAsync("a");
        await client.SendAsync(Json.Message("a", sentAt: sent));
        Assert.Equal(received, (await client.ReceiveAsync()).Text("sent_at"));
    }

    [Fact]
    public async Task UnknownFields_AreDropped()
    {
        await using var client = await ConnectAsync("a");
        await client.SendAsync(Json.Message("a")[..^1] + ""","admin":true,"From_Id":"b","x":{"y":[1]}}""");
        Assert.Equal(10, (await client.ReceiveAsync()).EnumerateObject().Count());
    }

    [Fact]
    public async Task Direct_ReachesEveryConnectionOfTheReceiverInTheGroup_AndNobodyElse()
    {
        await using var sender = await ConnectAsync("a");
        await using var tab1 = await ConnectAsync("b");
        await using var tab2 = await ConnectAsync("b");
        await using var other = await ConnectAsync("c");
        await using var elsewhere = await TestClient.ConnectAsync(server.Process, server.NewGroup(), "b");
        await sender.SendAsync(Json.Message("a", "direct", to: "b", msg: "psst"));
        foreach (var tab in new[] { tab1, tab2 })
        {
            var message = await tab.ReceiveAsync();
            Assert.Equal(("direct", "a", "b", group, "psst"), (
                message.Text("target"), message.Text("from_id"), message.Text("to_id"), message.Text("group_id"),
                    message.Text("msg")));
        }
        foreach (var client in new[] { sender, other, elsewhere })
            Assert.Empty(await client.ReceiveUntilNowAsync());
    }

    [Fact]
    public async Task Direct_ComesBack_GivenTheSenderItself()
    {
        await using var client = await ConnectAsync("a", "echo=off");
        await client.SendAsync(Json.Message("a", "direct", to: "a", msg: "note"));
        Assert.Equal("note", (await client.ReceiveAsync()).Text("msg"));
    }

    [Fact]
    public async Task Broadcast_ReachesEveryGroup()
    {
        await using var sender = await ConnectAsync("a");
        await using var elsewhere = await TestClient.ConnectAsync(server.Process, server.NewGroup(), "b");
        string mark = Guid.NewGuid().ToString();
        await sender.SendAsync(Json.Message("a", "broadcast", msg: mark));
        foreach (var client in new[] { sender, elsewhere })
        {
            var message = await ReceiveMarkedAsync(client, mark);
            Assert.Equal(("broadcast", group), (message.Text("target"), message.Text("group_id")));
        }
    }

    [Fact]
    public async Task Echo_ReachesTheSendingConnectionOnly()
    {
        await using var client = await ConnectAsync("a");
        await using var tab = await ConnectAsync("a");
        await client.SendAsync(Json.Message("a", "echo", type: "cmd", cmd: "test", payload: """{"n":1}"""));
        var message = await client.ReceiveAsync();
        Assert.Equal(("cmd", "echo", "test"), (message.Text("msg_type"), message.Text("target"), message.Text("cmd")));
        Assert.Empty(await tab.ReceiveUntilNowAsync());
    }

    [Fact]
    public async Task Heartbeat_ComesBackWithTheServersTimeAndThePayload_GivenTargetEcho()
    {
        await using var client = await ConnectAsync("a");
        var before = DateTimeOffset.UtcNow;
        await client.SendAsync(Json.Message("a", "echo", type: "heartbeat", payload: """{"t": 1.0}"""));
        string text = await client.ReceiveTextAsync();
        Assert.Contains("\"payload\":{\"t\": 1.0},", text, StringComparison.Ordinal);
        var message = Json.Read(text);
        Assert.Equal(("heartbeat", "a"), (message.Text("msg_type"), message.Text("from_id")));
        Assert.InRange(message.GetProperty("sent_at").GetDateTimeOffset(), before.AddMilliseconds(-1),
            DateTimeOffset.UtcNow);
        Assert.EndsWith("Z", message.Text("sent_at"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("group")]
    [InlineData("broadcast")]
    [InlineData("direct")]
    public async Task Heartbeat_IsNotForwarded_GivenAnyOtherTarget(string target)
    {
        await using var client = await ConnectAsync("a");
        await using var other = await ConnectAsync("b");
        await client.SendAsync(Json.Message("a", target, to: "b", type: "heartbeat"));
        Assert.Empty(await client.ReceiveUntilNowAsync());
        Assert.Empty(await other.ReceiveUntilNowAsync());
    }

    [Fact]
    public async Task EchoOff_SendsNothingOfTheOwnClientBack()
    {
        await using var quiet = await ConnectAsync("a", "echo=off");
        await using var loud = await ConnectAsync("a");
        await using var other = await ConnectAsync("b");
        await quiet.SendAsync(Json.Message("a", msg: "1"));
        await loud.SendAsync(Json.Message("a", msg: "2"));
        await quiet.SendAsync(Json.Message("a", "broadcast", msg: "3"));
        await other.SendAsync(Json.Message("b", msg: "4"));
        Assert.Equal("4", (await quiet.ReceiveAsync()).Text("msg"));
        Assert.Equal(["1", "2", "3", "4"], (await ReceiveMessagesAsync(loud, 4)).Order());
    }

    [Theory]
    [InlineData("group")]
    [InlineData("broadcast")]
    [InlineData("echo")]
    [InlineData("direct")]
    public async Task Ack_SaysPublished_GivenAnId(string target)
    {
        await using var client = await ConnectAsync("a", "echo=off");
        await using var other = await ConnectAsync("b");
        await client.SendAsync(Json.Message("a", target, to: "b", id: "m-1"));
        if (target == "echo")
            Assert.Equal("m-1", (await client.ReceiveAsync()).Text("id"));
        string text = await client.ReceiveTextAsync();
        string head = "{\"version\":\"3\",\"msg_type\":\"cmd\",\"target\":\"direct\",\"from_id\":\"aether\","
            + $"\"to_id\":\"a\",\"group_id\":\"{group}\",\"cmd\":\"ack\",\"msg\":null,"
            + "\"payload\":{\"status\":\"published\",\"instances\":1},\"sent_at\":\"";
        Assert.StartsWith(head, text, StringComparison.Ordinal);
        Assert.EndsWith("Z\",\"reply_to\":\"m-1\"}", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ack_IsNotSent_GivenNoId()
    {
        await using var client = await ConnectAsync("a", "echo=off");
        await client.SendAsync(Json.Message("a"));
        Assert.Empty(await client.ReceiveUntilNowAsync());
    }

    [Fact]
    public async Task Error_SaysRecipientOffline_GivenAnIdAndNobodyThere()
    {
        await using var client = await ConnectAsync("a");
        await client.SendAsync(Json.Message("a", "direct", to: "nobody"));
        await client.SendAsync(Json.Message("a", "direct", to: "nobody", id: "m-2"));
        string text = await client.ReceiveTextAsync();
        var error = Json.Read(text);
        Assert.True(error.IsError("recipient_offline"), text);
        Assert.Equal(("cmd", "direct", "a", group, "m-2"), (
            error.Text("msg_type"), error.Text("target"), error.Text("to_id"), error.Text("group_id"),
                error.Text("reply_to")));
        Assert.False(string.IsNullOrEmpty(error.Text("msg")));
        Assert.True(error.Payload("retryable").GetBoolean());
        Assert.Equal("to_id", error.Payload("field").GetString());
        Assert.Empty(await client.ReceiveUntilNowAsync());
    }

    [Fact]
    public async Task Error_SaysForbidden_GivenAnotherGroup()
    {
        string foreign = server.NewGroup();
        await using var client = await ConnectAsync("a");
        await using var witness = await TestClient.ConnectAsync(server.Process, foreign, "b");
        foreach (string target in new[] { "group", "direct", "broadcast", "echo" })
        {
            await client.SendAsync(Json.Message("a", target, to: "b", group: foreign, id: target));
            var error = await client.ReceiveAsync();
            Assert.True(error.IsError("forbidden"), error.ToString());
            Assert.Equal((target, "group_id"), (error.Text("reply_to"), error.Payload("field").GetString()));
            Assert.False(error.Payload("retryable").GetBoolean());
        }
        Assert.Empty(await witness.ReceiveUntilNowAsync());
    }

    [Fact]
    public async Task Welcome_IsTheFirstFrame_GivenTheFullProfile()
    {
        await using var client = await ConnectAsync("a", protocols: ["aether.v3"]);
        await using var second = await ConnectAsync("b", protocols: ["aether.v3"]);
        var welcome = await client.ReceiveAsync();
        Assert.Equal(("cmd", "direct", "aether", "a", group, "welcome"), (
            welcome.Text("msg_type"), welcome.Text("target"), welcome.Text("from_id"),
            welcome.Text("to_id"), welcome.Text("group_id"), welcome.Text("cmd")));
        Assert.Equal(
            ["connection_id", "instance_id", "server_time", "heartbeat_interval_ms", "max_message_bytes",
                "rate_limit", "permissions", "positions", "kept"],
            welcome.GetProperty("payload").EnumerateObject().Select(field => field.Name));
        Assert.Equal(65_536, welcome.Payload("max_message_bytes").GetInt32());
        Assert.Equal(1_000, welcome.Payload("rate_limit").GetProperty("per_second").GetInt32());
        Assert.Equal(2_000, welcome.Payload("rate_limit").GetProperty("burst").GetInt32());
        Assert.Equal(["broadcast"], welcome.Payload("permissions").EnumerateArray().Select(p => p.GetString()));
        var other = await second.ReceiveAsync();
        Assert.Equal(welcome.Payload("instance_id").GetString(), other.Payload("instance_id").GetString());
        Assert.NotEqual(welcome.Payload("connection_id").GetString(), other.Payload("connection_id").GetString());
    }

    [Fact]
    public async Task Plain_GetsNothingUnasked_GivenOthersComeAndGo()
    {
        await using var client = await ConnectAsync("a");
        await using (var other = await ConnectAsync("b", protocols: ["aether.v3"]))
            Assert.Equal(1000, (await other.CloseAsync()).Code);
        Assert.Empty(await client.ReceiveUntilNowAsync());
    }

    [Theory]
    [InlineData("aether.v3")]
    [InlineData("aether.v2, aether.v3")]
    [InlineData("aether.v3, aether.auth.c2VjcmV0LXNlY3JldC0x")]
    [InlineData("aether.auth.c2VjcmV0LXNlY3JldC0x, aether.v3")]
    public async Task Subprotocol_IsAnswered_GivenTheFullProfileAmongThem(string offered)
    {
        await using var client = await OfferAsync(offered);
        Assert.Equal((101, "aether.v3"), (client.Status, client.Header("Sec-WebSocket-Protocol")));
    }

    [Theory]
    [InlineData("aether.v2")]
    [InlineData("AETHER.V3")]
    [InlineData("aether.auth.c2VjcmV0LXNlY3JldC0x")]
    public async Task Subprotocol_IsNotAnswered_GivenNoneThatIsKnown(string offered)
    {
        await using var client = await OfferAsync(offered);
        Assert.Equal((101, null), (client.Status, client.Header("Sec-WebSocket-Protocol")));
    }

    [Theory]
    [InlineData(1000)]
    [InlineData(1001)]
    [InlineData(4999)]
    public async Task Close_IsAnsweredWithTheSameCode(int code)
    {
        await using var client = await ConnectAsync("a");
        Assert.Equal(new Closed(code, ""), await client.CloseAsync(code));
    }

    [Fact]
    public async Task OwnMessages_KeepTheirOrder_GivenManyAtOnce()
    {
        await using var sender = await ConnectAsync("a");
        await using var receiver = await ConnectAsync("b");
        var numbers = Enumerable.Range(0, 1_000).Select(n =>
            n.ToString(System.Globalization.CultureInfo.InvariantCulture)).ToList();
        foreach (string number in numbers)
            await sender.SendAsync(Json.Message("a", msg: number));
        Assert.Equal(numbers, await ReceiveMessagesAsync(receiver, numbers.Count));
        Assert.Equal(numbers, await ReceiveMessagesAsync(sender, numbers.Count));
    }

    private Task<TestClient> ConnectAsync(string id, string query = "", string[]? protocols = null) =>
        TestClient.ConnectAsync(server.Process, group, id, query, protocols);

    private Task<RawClient> OfferAsync(string protocols) => RawClient.RequestAsync(
        server.Process, server.Process.Endpoint(group, "a").PathAndQuery, "Sec-WebSocket-Protocol: " + protocols);

    // Broadcasts of other tests of this class may be under way.
    private static async Task<JsonElement> ReceiveMarkedAsync(TestClient client, string mark)
    {
        while (true)
        {
            var message = await client.ReceiveAsync();
            if (message.Text("msg") == mark)
                return message;
        }
    }

    private static async Task<List<string>> ReceiveMessagesAsync(TestClient client, int count)
    {
        var messages = new List<string>();
        while (messages.Count < count)
            messages.Add((await client.ReceiveAsync()).Text("msg")!);
        return messages;
    }
}
