using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Aether.Application;
using Aether.Application.Messaging;
using Aether.Domain;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>
/// Another application takes the real-time layer in with two lines, and talks to its clients from its own code.
/// </summary>
public sealed class EmbeddingTests : IAsyncLifetime
{
    private WebApplication app = null!;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private IRealtime Realtime => app.Services.GetRequiredService<IRealtime>();

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = Path.GetTempPath() });
        builder.WebHost.UseTestServer();
        builder.Logging.ClearProviders();
        builder.Configuration.AddInMemoryCollection([new("Aether:Realtime:MaxMessageBytes", "2048")]);
        builder.Services.AddAetherRealtime(builder.Configuration);
        app = builder.Build();
        app.MapGet("/hello", () => "hello");
        app.MapAetherRealtime();
        await app.StartAsync(Cancelled);
    }

    public ValueTask DisposeAsync() => app.DisposeAsync();

    [Fact]
    public async Task OwnEndpoint_Works_BesideTheRealTimeOnes()
    {
        using var http = app.GetTestClient();
        Assert.Equal("hello", await http.GetStringAsync(new Uri("/hello", UriKind.Relative), Cancelled));
        Assert.Equal("{\"status\":\"ok\",\"reason\":null}",
            await http.GetStringAsync(new Uri("/health/ready", UriKind.Relative), Cancelled));
    }

    [Fact]
    public async Task Client_TalksToAnother()
    {
        using var a = await ConnectAsync(app, "g", "a");
        using var b = await ConnectAsync(app, "g", "b");
        await SendAsync(a, """
            {"msg_type":"msg","target":"group","from_id":"a","msg":"hi","payload":{},"sent_at":"2026-01-02T03:04:05Z"}
            """);
        Assert.Equal("hi", (await ReceiveAsync(b)).GetProperty("msg").GetString());
        Assert.Equal("hi", (await ReceiveAsync(a)).GetProperty("msg").GetString());
        await a.CloseAsync(WebSocketCloseStatus.NormalClosure, null, Cancelled);
        Assert.Equal(WebSocketCloseStatus.NormalClosure, a.CloseStatus);
    }

    [Fact]
    public async Task Options_AreThoseOfTheHost()
    {
        using var client = await ConnectAsync(app, "g", "a");
        await SendAsync(client, new string(' ', 2_049));
        var end = await client.ReceiveAsync(new byte[100], Cancelled);
        Assert.Equal((WebSocketCloseStatus.MessageTooBig, true), (client.CloseStatus, end.CloseStatus is not null));
    }

    [Fact]
    public async Task ToGroup_ReachesTheGroupOnly()
    {
        using var inside = await ConnectAsync(app, "g", "a");
        using var outside = await ConnectAsync(app, "h", "b");
        var outcome = await Realtime.ToGroup(
            "g", new RealtimeMessage { Cmd = "reload", Msg = "now", Payload = new { Speed = 0.5 } }, Cancelled);
        Assert.Equal((null, 1), (outcome.Rejection, outcome.Instances));
        var message = await ReceiveAsync(inside);
        Assert.Equal(
            """["3","cmd","group","aether",null,"g","reload","now",{"speed":0.5}]""",
            JsonSerializer.Serialize(message.EnumerateObject().Take(9).Select(field => field.Value)));
        await Realtime.Broadcast(new RealtimeMessage { Msg = "all" }, Cancelled);
        Assert.Equal("all", (await ReceiveAsync(outside)).GetProperty("msg").GetString());
        Assert.Equal("all", (await ReceiveAsync(inside)).GetProperty("msg").GetString());
    }

    [Fact]
    public async Task ToClient_ReachesTheClientOnly()
    {
        using var addressee = await ConnectAsync(app, "g", "a");
        using var other = await ConnectAsync(app, "g", "b");
        var outcome = await Realtime.ToClient("g", "a", new RealtimeMessage { Msg = "you" }, Cancelled);
        Assert.Null(outcome.Rejection);
        var message = await ReceiveAsync(addressee);
        Assert.Equal(("msg", "you", "a"), (
            message.GetProperty("msg_type").GetString(), message.GetProperty("msg").GetString(),
                message.GetProperty("to_id").GetString()));
        await Realtime.Broadcast(new RealtimeMessage { Msg = "all" }, Cancelled);
        Assert.Equal("all", (await ReceiveAsync(other)).GetProperty("msg").GetString());
    }

    [Fact]
    public async Task ToClient_SaysOffline_GivenNobodyThere()
    {
        var outcome = await Realtime.ToClient("g", "nobody", new RealtimeMessage(), Cancelled);
        Assert.Same(Rejection.RecipientOffline, outcome.Rejection);
        Assert.Equal(ErrorCode.RecipientOffline, outcome.Rejection?.Code);
    }

    [Theory]
    [InlineData("")]
    [InlineData("a:b")]
    [InlineData("*")]
    [InlineData("aether")]
    [InlineData(null)]
    public async Task BadId_Throws_NamingTheParameter(string? id)
    {
        var message = new RealtimeMessage();
        Assert.Equal(
            "groupId", (await Assert.ThrowsAsync<ArgumentException>(() =>
                Realtime.ToGroup(id!, message, Cancelled))).ParamName);
        Assert.Equal(
            "groupId", (await Assert.ThrowsAsync<ArgumentException>(() =>
                Realtime.ToClient(id!, "a", message, Cancelled))).ParamName);
        Assert.Equal(
            "clientId", (await Assert.ThrowsAsync<ArgumentException>(() =>
                Realtime.ToClient("g", id!, message, Cancelled))).ParamName);
    }

    public static TheoryData<string, RealtimeMessage> BadMessages => new()
    {
        { "cmd", new RealtimeMessage { Cmd = "" } },
        { "cmd", new RealtimeMessage { Cmd = new string('x', 257) } },
        { "payload", new RealtimeMessage { Payload = 1 } },
        { "payload", new RealtimeMessage { Payload = new[] { 1 } } },
        { "payload", new RealtimeMessage { Payload = "text" } },
    };

    [Theory]
    [MemberData(nameof(BadMessages))]
    public async Task BadMessage_Throws_NamingTheField(string field, RealtimeMessage message)
    {
        foreach (var send in new Func<Task>[]
            {
                () => Realtime.ToGroup("g", message, Cancelled),
                () => Realtime.ToClient("g", "a", message, Cancelled),
                () => Realtime.Broadcast(message, Cancelled),
            })
        {
            var fault = await Assert.ThrowsAsync<ArgumentException>(send);
            Assert.Equal("message", fault.ParamName);
            Assert.StartsWith(field + ": ", fault.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task NoMessage_Throws() =>
        await Assert.ThrowsAsync<ArgumentNullException>(() => Realtime.Broadcast(null!, Cancelled));

    [Fact]
    public async Task OwnHost_DoesTheSame()
    {
        await using var host = new WebApplicationFactory<Program>();
        using var http = host.CreateClient();
        Assert.StartsWith(
            "{\"status\":\"ok\"", await http.GetStringAsync(new Uri("/health/live", UriKind.Relative), Cancelled),
                StringComparison.Ordinal);
        var sockets = host.Server.CreateWebSocketClient();
        using var client = await sockets.ConnectAsync(new Uri(host.Server.BaseAddress, "/v3/ws/group/g/client/a"),
            Cancelled);
        await host.Services.GetRequiredService<IRealtime>().ToGroup("g", new RealtimeMessage { Msg = "hi" }, Cancelled);
        Assert.Equal("hi", (await ReceiveAsync(client)).GetProperty("msg").GetString());
    }

    private static Task<WebSocket> ConnectAsync(WebApplication app, string group, string client) =>
        app.GetTestServer().CreateWebSocketClient()
            .ConnectAsync(new Uri($"ws://localhost/v3/ws/group/{group}/client/{client}"), Cancelled);

    private static Task SendAsync(WebSocket socket, string json) =>
        socket.SendAsync(Encoding.UTF8.GetBytes(json), WebSocketMessageType.Text, endOfMessage: true, Cancelled);

    private static async Task<JsonElement> ReceiveAsync(WebSocket socket)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        deadline.CancelAfter(TimeSpan.FromSeconds(10));
        byte[] buffer = new byte[4_096];
        var received = await socket.ReceiveAsync(buffer, deadline.Token);
        using var document = JsonDocument.Parse(buffer.AsMemory(0, received.Count));
        return document.RootElement.Clone();
    }
}
