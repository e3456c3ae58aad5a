using System.Diagnostics;
using System.IO.Pipelines;
using Aether.Api.Hosting;
using Aether.Application.Delivery;
using Aether.Domain;

namespace Aether.Api.WebSockets;

/// <summary>Turns a request into a connection's WebSocket, and sees the connection through to its end.</summary>
internal static class SocketUpgrade
{
    /// <summary>The request delegate of an endpoint that brings its own WebSocket middleware.</summary>
    public static RequestDelegate Pipeline(IEndpointRouteBuilder endpoints, RequestDelegate endpoint)
    {
        var pipeline = endpoints.CreateApplicationBuilder();
        pipeline.Use(UpgradeCapture.InvokeAsync);
        pipeline.UseWebSockets();
        pipeline.Run(endpoint);
        return pipeline.Build();
    }

    /// <summary>Upgrades, opens the connection and receives until it has ended.</summary>
    /// <param name="context">The request.</param>
    /// <param name="connection">The connection.</param>
    /// <param name="subprotocol">The subprotocol to answer with, if any.</param>
    /// <param name="first">The first frame, if there is one.</param>
    /// <param name="opened">What else is to be done once it is open.</param>
    /// <param name="logger">Where a fault goes.</param>
    public static async Task ServeAsync(
        HttpContext context,
        SocketConnection connection,
        string? subprotocol,
        Frame? first,
        Func<Task> opened,
        ILogger logger)
    {
        var capture = context.Features.Get<UpgradeCapture>()!;
        capture.Connection = connection;
        using var socket = await context.WebSockets.AcceptWebSocketAsync(new WebSocketAcceptContext
        {
            SubProtocol = subprotocol,
            // The registry's clock pings; the library's own way is a timer for each connection.
            KeepAliveInterval = TimeSpan.Zero,
        }).ConfigureAwait(false);
        // Nobody looks at them again, and the connection may live for days.
        context.Request.Headers.Clear();
        // Or each message of days would become a child of this handshake's trace.
        Activity.Current = null;
        // A host may bring its own WebSocket, and then there was nothing to upgrade.
        connection.Open(
            capture.Output ?? new PipeOutlet(PipeWriter.Create(new HostSocketStream(socket))), first);
        // This method lasts as long as the connection, and would keep what it was given for so long.
        first = null;
        try
        {
            await opened().ConfigureAwait(false);
            opened = null!;
            await connection.ReceiveAsync(socket, capture.Transport).ConfigureAwait(false);
            // What is under way needs the socket, which is disposed of at the end of this.
            if (capture.Output is null)
                await connection.EndAsync().ConfigureAwait(false);
        }
        catch (Exception fault)
        {
            logger.ConnectionFailed(fault.GetType().Name);
            connection.Close(CloseReason.ServerFault);
        }
    }
}
