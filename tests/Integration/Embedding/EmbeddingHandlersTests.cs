using System.Net;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using Aether.Application.Handlers;
using Aether.Application.Messaging;
using Aether.Domain;
using Aether.Tests.Integration.Fixtures;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>What a host hears of its connections, and what it can say to it.</summary>
public sealed class EmbeddingHandlersTests
{
    private readonly HandlerProbe probe = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Handler_HearsAllOfAConnectionInOrder_EachCallInAScopeOfItsOwn()
    {
        probe.Message = async (message, _) =>
        {
            // What is quicker must not come in front of it.
            for (int i = message.Msg == "a" ? 0 : 100; i < 100; i++)
                await Task.Yield();
            return MessageResult.Continue;
        };
        await using var host = await probe.StartAsync();
        using (var socket = await host.ConnectAsync())
        {
            foreach (string text in (string[])["a", "b", "c"])
                await socket.SendAsync(EmbeddingApp.Message(text));
            foreach (string text in (string[])["a", "b", "c"])
                Assert.Equal(text, (string?)(await socket.ReceiveAsync())["msg"]);
            await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "", Cancellation);
        }
        await Eventually.HoldsAsync(() => probe.Heard.Count == 6);

        Assert.Equal(
            ["connecting c1", "connected c1", "c1 says a", "c1 says b", "c1 says c", "disconnected c1 1000"],
            probe.Heard);
        await Eventually.HoldsAsync(() => probe.Scopes.All(scope => scope.IsDisposed));
        Assert.Equal(6, probe.Scopes.Distinct().Count());
        var connections = probe.Connections.ToArray();
        Assert.Empty(connections[0].Id);
        Assert.NotEmpty(connections[1].Id);
        Assert.All(connections[1..], connection => Assert.Same(connections[1], connection));
        Assert.Equal(("g1", "c1", Permissions.Broadcast), (connections[1].GroupId, connections[1].ClientId, connections[1].Permissions));
    }

    [Fact]
    public async Task Message_GoesNoFurther_GivenThatTheHostRefusesIt()
    {
        probe.Message = (message, _) => new(message.Msg switch
        {
            "no" => MessageResult.Refuse("not today", "out_of_paper", retryable: true),
            "offline" => MessageResult.Refuse("nobody", "recipient_offline"),
            "wrong" => MessageResult.Refuse("no such job", "invalid_message"),
            _ => MessageResult.Continue,
        });
        await using var host = await probe.StartAsync();
        using var sender = await host.ConnectAsync();
        using var receiver = await host.ConnectAsync(client: "c2");

        await sender.SendAsync(EmbeddingApp.Message("no", id: "m1"));
        await sender.SendAsync(EmbeddingApp.Message("offline"));
        await sender.SendAsync(EmbeddingApp.Message("wrong"));
        await sender.SendAsync(EmbeddingApp.Message("yes"));

        AssertError(await sender.ReceiveAsync(), "out_of_paper", "not today", "m1", retryable: true);
        AssertError(await sender.ReceiveAsync(), "recipient_offline", "nobody", null, retryable: true);
        AssertError(await sender.ReceiveAsync(), "invalid_message", "no such job", null, retryable: false);
        Assert.Equal("yes", (string?)(await sender.ReceiveAsync())["msg"]);
        Assert.Equal("yes", (string?)(await receiver.ReceiveAsync())["msg"]);
    }

    [Theory]
    [InlineData("group", null)]
    [InlineData("direct", "c2")]
    [InlineData("direct", "aether")]
    [InlineData("broadcast", null)]
    [InlineData("echo", null)]
    public async Task Sender_GetsTheHostsAnswer_AndNobodyTheMessage(string target, string? to)
    {
        probe.Message = (message, _) => new(message.Cmd == "price"
            ? MessageResult.Reply(new { Total = message.ReadPayload<Order>()!.Pages * 2 })
            : MessageResult.Continue);
        await using var host = await probe.StartAsync();
        using var sender = await host.ConnectAsync();
        using var receiver = await host.ConnectAsync(client: "c2");

        await sender.SendAsync(Command("price", target, to, "m1"));
        if (to != "aether")
            await sender.SendAsync(Command("price", target, to, id: null));
        await sender.SendAsync(EmbeddingApp.Message("next"));

        var reply = await sender.ReceiveAsync();
        Assert.Equal(("reply", "aether", "m1"), ((string?)reply["cmd"], (string?)reply["from_id"], (string?)reply["reply_to"]));
        Assert.Equal("""{"total":6}""", reply["payload"]!.ToJsonString());
        Assert.Equal("next", (string?)(await sender.ReceiveAsync())["msg"]);
        Assert.Equal("next", (string?)(await receiver.ReceiveAsync())["msg"]);
    }

    [Fact]
    public async Task Host_HearsNothing_OfWhatIsNotAClientsOwnMessage()
    {
        await using var host = await probe.StartAsync();
        using var socket = await host.ConnectAsync();
        await Eventually.HoldsAsync(() => probe.Heard.Contains("connected c1"));

        await host.Services.GetRequiredService<IRealtime>().ToGroup("g1", new RealtimeMessage { Msg = "facade" }, Cancellation);
        using var posted = new StringContent(EmbeddingApp.Message("posted", "aether"), Encoding.UTF8, "application/json");
        await host.CreateClient().PostAsync("v3/messages", posted, Cancellation);
        await socket.SendAsync(Raw("heartbeat", "echo", null, null, null));
        await socket.SendAsync(Raw("presence", "echo", "roster", null, null));
        // Another group, and what the server answers itself or knows nothing of.
        await socket.SendAsync(EmbeddingApp.Message("elsewhere").Replace("\"g1\"", "\"g2\"", StringComparison.Ordinal));
        await socket.SendAsync(Command("history.read", "direct", "aether", "m1"));
        await socket.SendAsync(Command("without.id", "direct", "aether", null));
        await socket.SendAsync(Command("own.thing", "direct", "aether", "m2"));

        Assert.Equal("facade", (string?)(await socket.ReceiveAsync())["msg"]);
        Assert.Equal("posted", (string?)(await socket.ReceiveAsync())["msg"]);
        Assert.Equal("heartbeat", (string?)(await socket.ReceiveAsync())["msg_type"]);
        Assert.Equal("roster", (string?)(await socket.ReceiveAsync())["cmd"]);
        Assert.Equal("forbidden", (string?)(await socket.ReceiveAsync())["payload"]!["code"]);
        Assert.Equal("invalid_message", (string?)(await socket.ReceiveAsync())["payload"]!["code"]);
        Assert.Equal("invalid_message", (string?)(await socket.ReceiveAsync())["payload"]!["code"]);
        Assert.Equal("unknown_command", (string?)(await socket.ReceiveAsync())["payload"]!["code"]);
        Assert.Equal(["connecting c1", "connected c1", "c1 says own.thing"], probe.Heard);
    }

    [Theory]
    [InlineData("forbidden", false, HttpStatusCode.Forbidden)]
    [InlineData("full", true, HttpStatusCode.ServiceUnavailable)]
    public async Task Connection_IsRefusedWithAProblem_GivenThatTheHostRefusesIt(
        string code, bool retryable, HttpStatusCode status)
    {
        probe.Connecting = (_, _) => new(new Refusal("not here", code, retryable));
        await using var host = await probe.StartAsync();

        await Assert.ThrowsAsync<WebSocketException>(() => host.ConnectAsync());
        // As a page asks that wants to know why.
        using var asked = await host.CreateClient().GetAsync("v3/ws/group/g1/client/c1", Cancellation);

        Assert.Equal(status, asked.StatusCode);
        Assert.Equal("application/problem+json", asked.Content.Headers.ContentType?.MediaType);
        Assert.Equal(retryable, asked.Headers.RetryAfter is not null);
        var problem = JsonNode.Parse(await asked.Content.ReadAsStringAsync(Cancellation))!;
        Assert.Equal(("not here", code), ((string?)problem["detail"], (string?)problem["code"]));
        Assert.Equal(["connecting c1", "connecting c1"], probe.Heard);
        Assert.Equal(0, (await host.Services.GetRequiredService<IRealtime>().Count("g1", cancellationToken: Cancellation)).Value);
    }

    [Fact]
    public async Task Connected_IsToldOfAMemberThatHearsTheHost_BeforeItsFirstMessage()
    {
        var release = new TaskCompletionSource();
        int present = 0;
        IServiceProvider? services = null;
        probe.Connected = async connection =>
        {
            var realtime = services!.GetRequiredService<IRealtime>();
            present = (await realtime.Count(connection.GroupId)).Value;
            await realtime.ToClient(connection.GroupId, connection.ClientId, new RealtimeMessage { Cmd = "hello" });
            await release.Task;
        };
        await using var host = await probe.StartAsync();
        services = host.Services;
        using var socket = await host.ConnectAsync();

        await socket.SendAsync(EmbeddingApp.Message("first"));

        Assert.Equal("hello", (string?)(await socket.ReceiveAsync())["cmd"]);
        Assert.Equal(1, present);
        Assert.Equal(["connecting c1", "connected c1"], probe.Heard);
        release.SetResult();
        Assert.Equal("first", (string?)(await socket.ReceiveAsync())["msg"]);
    }

    [Fact]
    public async Task End_OfTheHost_DisconnectsWhoIsConnected()
    {
        await using var host = await probe.StartAsync();
        using var socket = await host.ConnectAsync();
        await Eventually.HoldsAsync(() => probe.Heard.Contains("connected c1"));
        var closing = AnswerCloseAsync(socket);

        await host.StopAsync();

        await closing;
        Assert.Contains("disconnected c1 1012", probe.Heard);
    }

    private static async Task AnswerCloseAsync(ClientWebSocket socket)
    {
        Assert.Equal(1012, await socket.ReceiveCloseAsync());
        await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "", Cancellation);
    }

    private static string Command(string cmd, string target, string? to, string? id) => Raw("cmd", target, cmd, to, id);

    private static string Raw(string type, string target, string? cmd, string? to, string? id)
    {
        var message = JsonNode.Parse(EmbeddingApp.Message("", id: id))!;
        (message["msg_type"], message["target"], message["cmd"], message["to_id"]) = (type, target, cmd, to);
        message["payload"] = new JsonObject { ["pages"] = 3 };
        if (type is "heartbeat" or "presence")
            message["payload"] = new JsonObject();
        return message.ToJsonString();
    }

    private static void AssertError(JsonNode frame, string code, string text, string? replyTo, bool retryable)
    {
        Assert.Equal(
            ("error", text, replyTo), ((string?)frame["cmd"], (string?)frame["msg"], (string?)frame["reply_to"]));
        Assert.Equal(
            (code, retryable), ((string?)frame["payload"]!["code"], (bool?)frame["payload"]!["retryable"]));
    }

    private sealed record Order(int Pages);
}
