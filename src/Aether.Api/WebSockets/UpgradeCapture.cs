using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace Aether.Api.WebSockets;

/// <summary>
/// Stands between the WebSocket middleware and the server, so that the middleware does the handshake but the WebSocket
/// gets a stream of ours, and the connection the one pipe that everything goes out through.
/// </summary>
internal sealed class UpgradeCapture(HttpContext context) : IHttpUpgradeFeature, IHttpExtendedConnectFeature
{
    private readonly IHttpUpgradeFeature? upgrade = context.Features.Get<IHttpUpgradeFeature>();
    private readonly IHttpExtendedConnectFeature? connect = context.Features.Get<IHttpExtendedConnectFeature>();

    /// <summary>The connection that the request is about to become.</summary>
    public SocketConnection? Connection { get; set; }

    /// <summary>The stream that the server gave, once it has.</summary>
    public Stream? Transport { get; private set; }

    /// <summary>The way out, once the server gave it.</summary>
    public PipeWriter? Output { get; private set; }

    bool IHttpUpgradeFeature.IsUpgradableRequest => upgrade?.IsUpgradableRequest ?? false;

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
        return next(context);
    }

    async Task<Stream> IHttpUpgradeFeature.UpgradeAsync()
    {
        var stream = await upgrade!.UpgradeAsync().ConfigureAwait(false);
        // After an upgrade Kestrel writes no more, and what its stream writes would end up here with a copy more on the
        // way. Under TLS this is the pipe that encrypts.
        return Capture(stream, context.Features.Get<IConnectionTransportFeature>()?.Transport?.Output);
    }

    async ValueTask<Stream> IHttpExtendedConnectFeature.AcceptAsync() =>
        // An HTTP/2 connection carries other requests too: the way out is this request's stream.
        Capture(await connect!.AcceptAsync().ConfigureAwait(false), null);

    private ConnectionStream Capture(Stream stream, PipeWriter? pipe)
    {
        Transport = stream;
        Output = pipe ?? PipeWriter.Create(stream, new StreamPipeWriterOptions(leaveOpen: true));
        return new ConnectionStream(stream, Connection!);
    }
}
