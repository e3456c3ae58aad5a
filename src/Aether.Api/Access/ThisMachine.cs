using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections.Features;

namespace Aether.Api.Access;

/// <summary>
/// Whether somebody is on this machine. Where no keys are configured that is all there is to tell friend from stranger,
/// so whatever speaks against it decides: a stranger is never local.
/// </summary>
internal static class ThisMachine
{
    /// <summary>
    /// Whether the caller is on this machine, and nobody who only came through it: over a road that does not leave it,
    /// asking for a name of it, and without any sign of a proxy.
    /// </summary>
    public static bool IsCaller(HttpContext context) =>
        IsRoad(context) && IsName(context.Request.Host) && !IsReplaced(context) && !ProxySigns.AreIn(context);

    /// <summary>
    /// Whether the connection does not leave the machine: loopback, a Unix socket, or the process itself.
    /// </summary>
    public static bool IsRoad(HttpContext context) =>
        // None: the caller is in this process, or at the other end of a Unix socket.
        context.Connection.RemoteIpAddress is not { } address || IsLoopback(address);

    /// <summary>
    /// Whether a name means this machine wherever it is asked for. A web page can have its own name resolve to
    /// 127.0.0.1, and a browser here then takes us for its server. The name that the browser asks for gives it away.
    /// </summary>
    public static bool IsName(HostString host) => host.HasValue && IsName(host.Host);

    /// <inheritdoc cref="IsName(HostString)"/>
    public static bool IsName(string host)
    {
        // With a dot at its end it is the same name, said in full.
        string name = host.EndsWith('.') ? host[..^1] : host;
        return name.Equals("localhost", StringComparison.OrdinalIgnoreCase)
            || (IPAddress.TryParse(WithoutBrackets(name), out var address) && IsLoopback(address));
    }

    /// <summary>
    /// Whether a middleware of the host's put another caller in the place of the one at the other end. With the usual
    /// settings it leaves a header behind; with others, or behind a Unix socket, it does not.
    /// </summary>
    private static bool IsReplaced(HttpContext context)
    {
        if (context.Features.Get<IConnectionSocketFeature>()?.Socket is not { } socket)
            return false;
        if (socket.AddressFamily == AddressFamily.Unix)
            return context.Connection.RemoteIpAddress is not null;
        return socket.RemoteEndPoint is IPEndPoint peer
            && (!IsLoopback(peer.Address) || peer.Port != context.Connection.RemotePort);
    }

    private static string WithoutBrackets(string host) =>
        host.StartsWith('[') && host.EndsWith(']') ? host[1..^1] : host;

    private static bool IsLoopback(IPAddress address) =>
        IPAddress.IsLoopback(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address);
}
