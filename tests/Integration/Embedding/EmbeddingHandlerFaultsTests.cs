using System.Net;
using System.Net.WebSockets;
using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using Aether.Application;
using Aether.Application.Handlers;
using Aether.Tests.Integration.Fixtures;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>Handlers of a host that fail, hang, or are several.</summary>
public sealed class EmbeddingHandlerFaultsTests
{
    private const string Secret = "what-a-user-wrote";

    private readonly HandlerProbe probe = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Connection_Stays_GivenAHandlerThatThrows()
    {
        probe.Connected = _ => throw new InvalidOperationException(Secret);
        probe.Message = (message, _) => message.Msg switch
        {
            "throw" => throw new FormatException(Secret),
            "null" => new((MessageResult)null!),
            "long" => new(MessageResult.Reply(new { text = new string('a', 70_000) })),
            "canceled" => throw new OperationCanceledException(Secret),
            "late" => throw new TimeoutException(Secret),
            _ => new(MessageResult.Continue),
        };
        await using var host = await probe.StartAsync();
        using var socket = await host.ConnectAsync();

        foreach (string text in (string[])["throw", "null", "long", "canceled", "late"])
        {
            await socket.SendAsync(EmbeddingApp.Message(text, id: text));
            var error = await socket.ReceiveAsync();
            Assert.Equal(
                ("error", text, "internal"),
                ((string?)error["cmd"], (string?)error["reply_to"], (string?)error["payload"]!["code"]));
        }
        await socket.SendAsync(EmbeddingApp.Message("good"));

        Assert.Equal("good", (string?)(await socket.ReceiveAsync())["msg"]);
        // What a handler throws is its fault, also where it looks like the end of its time.
        foreach (string fault in (string[])
            ["FormatException", "InvalidOperationException", "OperationCanceledException", "TimeoutException"])
        {
            string expected = "ProbeHandler failed in OnMessageAsync with " + fault;
            Assert.Contains(probe.Logged, line => line.Contains(expected, StringComparison.Ordinal));
        }
        Assert.DoesNotContain(probe.Logged, line => line.Contains(Secret, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Connection_IsNotLetIn_GivenAHandlerThatThrowsWhenAsked()
    {
        probe.Connecting = (_, _) => throw new InvalidOperationException(Secret);
        await using var host = await probe.StartAsync();

        await Assert.ThrowsAsync<WebSocketException>(() => host.ConnectAsync());
        using var asked = await host.CreateClient().GetAsync("v3/ws/group/g1/client/c1", Cancellation);

        Assert.Equal(HttpStatusCode.InternalServerError, asked.StatusCode);
        Assert.DoesNotContain(Secret, await asked.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
    }

    [Fact]
    public async Task MessageAndConnection_AreRefused_GivenAHandlerThatCannotBeMade()
    {
        var fails = new StrongBox<bool>();
        await using var host = await probe.StartAsync(services: builder =>
            builder.Services.AddSingleton(fails).AddRealtimeHandler<CannotBeMade>());
        using var socket = await host.ConnectAsync();
        await Eventually.HoldsAsync(() => probe.Heard.Contains("connected c1"));

        fails.Value = true;
        await socket.SendAsync(EmbeddingApp.Message("lost", id: "m1"));
        var error = await socket.ReceiveAsync();
        using var asked = await host.CreateClient().GetAsync("v3/ws/group/g1/client/c2", Cancellation);
        fails.Value = false;
        await socket.SendAsync(EmbeddingApp.Message("good"));

        Assert.Equal(
            ("error", "m1", "internal"),
            ((string?)error["cmd"], (string?)error["reply_to"], (string?)error["payload"]!["code"]));
        Assert.Equal(HttpStatusCode.InternalServerError, asked.StatusCode);
        Assert.Equal("good", (string?)(await socket.ReceiveAsync())["msg"]);
        foreach (string call in (string[])["OnMessageAsync", "OnConnectingAsync"])
        {
            string expected = $"IRealtimeHandler failed in {call} with InvalidOperationException";
            Assert.Contains(probe.Logged, line => line.Contains(expected, StringComparison.Ordinal));
        }
        Assert.DoesNotContain(probe.Logged, line => line.Contains(Secret, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task OnlyItsOwnConnection_Waits_GivenAHandlerThatHangs(bool blocks, bool inline)
    {
        using var release = new ManualResetEventSlim();
        var canceled = new TaskCompletionSource();
        probe.Message = async (message, cancellation) =>
        {
            if (message.Msg != "hang")
                return MessageResult.Continue;
            using var telling = cancellation.Register(() => canceled.TrySetResult());
            if (blocks)
                release.Wait(CancellationToken.None);
            else
                await Task.Delay(Timeout.Infinite, cancellation);
            return MessageResult.Continue;
        };
        await using var host = await probe.StartAsync(options =>
        {
            options.HandlerTimeout = Duration.FromSeconds(8);
            options.Delivery.InlineScheduling = inline;
            options.Delivery.Loops = 1;
        });
        using var held = await host.ConnectAsync();
        using var free = await host.ConnectAsync(client: "c2");

        await held.SendAsync(EmbeddingApp.Message("hang", id: "m1"));
        await Eventually.HoldsAsync(() => probe.Heard.Contains("c1 says hang"));
        await held.SendAsync(EmbeddingApp.Message("after"));
        for (int i = 0; i < 20; i++)
        {
            await free.SendAsync(EmbeddingApp.Message("free", "c2"));
            Assert.Equal("free", (string?)(await free.ReceiveAsync())["msg"]);
        }
        Assert.DoesNotContain("c1 says after", probe.Heard);

        JsonNode refused;
        while ((string?)(refused = await held.ReceiveAsync())["msg"] == "free")
        {
        }
        Assert.Equal(
            ("m1", "internal"), ((string?)refused["reply_to"], (string?)refused["payload"]!["code"]));
        Assert.Equal("after", (string?)(await held.ReceiveAsync())["msg"]);
        await canceled.Task.WaitAsync(TimeSpan.FromSeconds(30), Cancellation);
        Assert.Contains(probe.Logged, line => line.Contains("HandlerTimeout", StringComparison.Ordinal));
        release.Set();
    }

    [Fact]
    public async Task Handlers_AreAskedInTheirOrder_UntilOneHasDecided()
    {
        probe.Message = (message, _) => new(
            message.Msg == "first" ? MessageResult.Refuse("the first says no") : MessageResult.Continue);
        await using var host = await probe.StartAsync(services: builder =>
            builder.Services.AddRealtimeHandler<ProbeHandler>().AddRealtimeHandler<Second>());
        using var socket = await host.ConnectAsync();

        await socket.SendAsync(EmbeddingApp.Message("first"));
        await socket.SendAsync(EmbeddingApp.Message("second"));

        Assert.Equal("the first says no", (string?)(await socket.ReceiveAsync())["msg"]);
        Assert.Equal("the second says no", (string?)(await socket.ReceiveAsync())["msg"]);
        Assert.Single(probe.Heard, "c1 says second");
    }

    [Fact]
    public async Task Option_IsRefused_GivenALimitThatIsNone()
    {
        var refused = await Assert.ThrowsAsync<Microsoft.Extensions.Options.OptionsValidationException>(
            () => probe.StartAsync(options => options.HandlerTimeout = default));

        Assert.Contains("Aether:Realtime:HandlerTimeout must be", refused.Message, StringComparison.Ordinal);
    }

    private sealed class Second : IRealtimeHandler
    {
        public ValueTask<MessageResult> OnMessageAsync(
            RealtimeConnection connection, ReceivedMessage message, CancellationToken cancellationToken) =>
            new(MessageResult.Refuse("the second says no"));
    }

    private sealed class CannotBeMade : IRealtimeHandler
    {
        public CannotBeMade(StrongBox<bool> fails)
        {
            if (fails.Value)
                throw new InvalidOperationException(Secret);
        }
    }
}
