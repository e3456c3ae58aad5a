using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Aether.Tests.E2E;

/// <summary>
/// In the place of a server: it takes every connection and says what the test says, also what the real one says only in
/// the worst moment.
/// </summary>
internal sealed class LossyServer : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly Channel<Peer> accepted = Channel.CreateUnbounded<Peer>();

    private LossyServer()
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        app = builder.Build();
        app.UseWebSockets();
        app.Run(ServeAsync);
    }

    public string Address => app.Services.GetRequiredService<Microsoft.AspNetCore.Hosting.Server.IServer>()
        .Features.Get<IServerAddressesFeature>()!.Addresses.Single();

    public static async Task<LossyServer> StartAsync()
    {
        var server = new LossyServer();
        await server.app.StartAsync();
        return server;
    }

    /// <summary>The next connection that is made.</summary>
    public async Task<Peer> AcceptAsync()
    {
        using var deadline = new CancellationTokenSource(Eventually.Soon);
        return await accepted.Reader.ReadAsync(deadline.Token);
    }

    public async ValueTask DisposeAsync()
    {
        while (accepted.Reader.TryRead(out var peer))
            peer.Break();
        await app.DisposeAsync();
    }

    private async Task ServeAsync(HttpContext context)
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync("aether.v3");
        await accepted.Writer.WriteAsync(new Peer(context, socket));
        // The socket lives as long as its request does.
        var ended = new TaskCompletionSource();
        using var aborted = context.RequestAborted.Register(ended.SetResult);
        await ended.Task;
    }

    /// <summary>A connection, from the server's side.</summary>
    internal sealed class Peer(HttpContext context, WebSocket socket)
    {
        public async Task SendAsync(string json)
        {
            using var deadline = new CancellationTokenSource(Eventually.Soon);
            await socket.SendAsync(
                Encoding.UTF8.GetBytes(json).AsMemory(), WebSocketMessageType.Text, endOfMessage: true, deadline.Token);
        }

        public async Task<JsonElement> ReceiveAsync()
        {
            using var deadline = new CancellationTokenSource(Eventually.Soon);
            byte[] buffer = new byte[16_384];
            var received = await socket.ReceiveAsync(buffer.AsMemory(), deadline.Token);
            return Json.Read(Encoding.UTF8.GetString(buffer, 0, received.Count));
        }

        public async Task CloseAsync(int code)
        {
            using var deadline = new CancellationTokenSource(Eventually.Soon);
            await socket.CloseOutputAsync((WebSocketCloseStatus)code, "", deadline.Token);
        }

        /// <summary>Ends it without a word, as a network does.</summary>
        public void Break() => context.Abort();
    }
}
