using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.AspNetCore.WebSockets;
using Microsoft.Extensions.Options;

namespace Aether.Api.WebSockets;

/// <summary>
/// Stands between the WebSocket middleware and the server, so that the middleware does the handshake but the WebSocket
/// gets a stream of ours, and the connection the one writer that everything goes out through.
/// </summary>
internal sealed class UpgradeCapture(HttpContext context) : IHttpUpgradeFeature, IHttpExtendedConnectFeature
{
    private static readonly Type PlainPipe = new Pipe().Writer.GetType();

    private readonly IHttpUpgradeFeature? upgrade = context.Features.Get<IHttpUpgradeFeature>();
    private readonly IHttpExtendedConnectFeature? connect = context.Features.Get<IHttpExtendedConnectFeature>();

    /// <summary>The connection that the request is about to become.</summary>
    public SocketConnection? Connection { get; set; }

    /// <summary>The stream that the server gave, once it has.</summary>
    public Stream? Transport { get; private set; }

    /// <summary>The way out, once the server gave it.</summary>
    public TransportWriter? Output { get; private set; }

    // RFC 6455 asks for HTTP/1.1 or higher, and the server would upgrade HTTP/1.0 as well.
    bool IHttpUpgradeFeature.IsUpgradableRequest =>
        upgrade is { IsUpgradableRequest: true } && !HttpProtocol.IsHttp10(context.Request.Protocol);

    bool IHttpExtendedConnectFeature.IsExtendedConnect => connect?.IsExtendedConnect ?? false;

    string? IHttpExtendedConnectFeature.Protocol => connect?.Protocol;

    /// <summary>Puts one in front of the server's own features.</summary>
    public static Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        var capture = new UpgradeCapture(context);
        if (capture.upgrade is not null)
            context.Features.Set<IHttpUpgradeFeature>(capture);
        if (capture.connect is not null)
            context.Features.Set<IHttpExtendedConnectFeature>(capture);
        context.Features.Set(capture);
        // A host's UseWebSockets() would upgrade past us. It has checked the origin by now, and the one behind us does the
        // rest. A WebSocket of another make, as the test server's, is all there is.
        if ((capture.upgrade is not null || capture.connect is not null)
            && context.Features.Get<IHttpWebSocketFeature>() is { } theirs
            && theirs.GetType().Assembly == typeof(WebSocketMiddleware).Assembly)
            context.Features.Set<IHttpWebSocketFeature>(null);
        return next(context);
    }

    async Task<Stream> IHttpUpgradeFeature.UpgradeAsync()
    {
        bool fresh = IsFirstRequest(context);
        var stream = await upgrade!.UpgradeAsync().ConfigureAwait(false);
        // After an upgrade Kestrel neither reads nor writes, and its stream would be a copy and two state machines more
        // on the way to the same pipes. Under TLS these are the pipes that encrypt.
        if (context.Features.Get<IConnectionTransportFeature>()?.Transport is not { } transport)
            return Capture(stream);
        var socket = fresh && IsPlain(transport.Output) ? SentAtOnce(context) : null;
        return Capture(
            stream, transport.Input, socket is null ? new PipeTransportWriter(transport.Output) : new SocketTransportWriter(socket));
    }

    async ValueTask<Stream> IHttpExtendedConnectFeature.AcceptAsync() =>
        // An HTTP/2 connection carries other requests too: the way in and out is this request's stream.
        Capture(await connect!.AcceptAsync().ConfigureAwait(false));

    private ConnectionStream Capture(Stream stream) => Capture(
        stream,
        PipeReader.Create(stream, new StreamPipeReaderOptions(leaveOpen: true, useZeroByteReads: true)),
        new PipeTransportWriter(PipeWriter.Create(stream, new StreamPipeWriterOptions(leaveOpen: true))));

    private ConnectionStream Capture(Stream stream, PipeReader input, TransportWriter output)
    {
        Transport = stream;
        Output = output;
        return new ConnectionStream(input, Connection!);
    }

    /// <summary>
    /// Whether nothing is seen to stand between the pipe and the socket. TLS and whatever else a host puts there wraps
    /// the pipe in a stream; what would put another plain pipe there must not schedule inline, as docs/embedding.md says.
    /// </summary>
    private static bool IsPlain(PipeWriter output) => output.GetType() == PlainPipe;

    /// <summary>
    /// The connection's socket, if the 101 has gone to it by now: what is written there would overtake one that still
    /// lies in the pipe. It has where the transport sends in the call that flushes.
    /// </summary>
    private static Socket? SentAtOnce(HttpContext context) =>
        context.RequestServices.GetService<IOptions<SocketTransportOptions>>()
            is { Value.UnsafePreferInlineScheduling: true }
            ? context.Features.Get<IConnectionSocketFeature>()?.Socket
            : null;

    /// <summary>
    /// Whether the connection carried no request before, whose response might still be on its way in the pipe. Kestrel
    /// counts them at the end of its name for a request; any other name is as good as no.
    /// </summary>
    private static bool IsFirstRequest(HttpContext context)
    {
        if (!context.TraceIdentifier.EndsWith(":00000001", StringComparison.Ordinal))
            return false;
        // It is made when it is asked for, and would stay for as long as the connection.
        context.TraceIdentifier = null!;
        return true;
    }
}
