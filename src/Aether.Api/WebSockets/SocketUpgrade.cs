using System.Diagnostics;
using System.IO.Pipelines;
using Aether.Application.Delivery;
using Aether.Domain;
using Microsoft.AspNetCore.Http.Features;

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
    /// <param name="services">What every connection shares.</param>
    public static async Task ServeAsync(
        HttpContext context,
        SocketConnection connection,
        string? subprotocol,
        Frame? first,
        Func<Task> opened,
        ConnectionServices services)
    {
        var capture = context.Features.Get<UpgradeCapture>()!;
        capture.Connection = connection;
        using var socket = await context.WebSockets.AcceptWebSocketAsync(new WebSocketAcceptContext
        {
            SubProtocol = subprotocol,
            // The registry's clock pings; the library's own way is a timer for each connection.
            KeepAliveInterval = TimeSpan.Zero,
        }).ConfigureAwait(false);
        // They would be kept for days, for nobody where no middleware of a host looks at them in the end.
        if (!services.Limits.KeepRequestHeaders)
            context.Request.Headers.Clear();
        // As a request it lasts as long as the connection, which says nothing of how long requests take.
        if (context.Features.Get<IHttpMetricsTagsFeature>() is { } metrics)
            metrics.MetricsDisabled = true;
        // Or each message of days would become a child of this handshake's trace.
        Activity.Current = null;
        // A host may bring its own WebSocket, and then there was nothing to upgrade.
        connection.Open(
            capture.Output ?? new PipeTransportWriter(PipeWriter.Create(new HostSocketStream(socket))), first);
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
            services.Logger.ConnectionFailed(fault.GetType().Name);
            connection.Close(CloseReason.ServerFault);
        }
    }
}
