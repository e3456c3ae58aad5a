using System.Net;
using Aether.Api.Http;
using Aether.Domain;

namespace Aether.Api.Access;

/// <summary>
/// Who may use the HTTP API: whoever shows a key that grants it, or, where no keys are configured, programs on the same
/// machine, which then may do everything.
/// </summary>
internal sealed class HttpCallers(ApiKeys apiKeys)
{
    // A request with one of them came through a proxy, and the address of the connection is the proxy's. The last one
    // is what the forwarded-headers middleware leaves behind when it has replaced the address by what a header said.
    private static readonly string[] SignsOfAProxy =
        ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via", "X-Original-For"];

    /// <summary>What the caller may do; <see langword="null"/>: nothing, and the refusal says why.</summary>
    /// <param name="context">The request.</param>
    /// <param name="refusal">Why not.</param>
    /// <param name="basic">Whether the key may also be the password of Basic authentication.</param>
    public Domain.Access? Find(HttpContext context, out IResult refusal, bool basic = false)
    {
        refusal = Results.Empty;
        if (!apiKeys.Required)
        {
            if (IsLocal(context))
                return Domain.Access.Full;
            refusal = Problems.Forbidden("no API keys are configured, so only callers on the same machine are served");
            return null;
        }
        if (apiKeys.Find(context.Request, basic) is { } grant)
            return grant.Access;
        if (basic)
            context.Response.Headers.WWWAuthenticate = BasicCredential.Challenge;
        refusal = Problems.Unauthorized();
        return null;
    }

    /// <summary>
    /// Lets only those through to the metrics who are on the same machine or may do everything anyway.
    /// </summary>
    public Task GuardMetricsAsync(HttpContext context, RequestDelegate next)
    {
        if (IsLocal(context))
            return next(context);
        if (Find(context, out var refusal) is not { } access)
            return refusal.ExecuteAsync(context);
        return access.Has(Permissions.Admin)
            ? next(context)
            : Problems.Forbidden("reading metrics needs the permission admin").ExecuteAsync(context);
    }

    /// <summary>Whether the caller is a program on this machine, and nobody who only came through one.</summary>
    private static bool IsLocal(HttpContext context)
    {
        if (SignsOfAProxy.Any(context.Request.Headers.ContainsKey))
            return false;
        // None: the caller is in this process, or at the other end of a Unix socket.
        if (context.Connection.RemoteIpAddress is not { } address)
            return true;
        return IsLoopback(address) && IsLocalName(context.Request.Host.Host);
    }

    private static bool IsLoopback(IPAddress address) =>
        IPAddress.IsLoopback(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address);

    // A web page can have its own name resolve to 127.0.0.1, and a browser here then takes us for its server. The
    // name that the browser asks for gives it away.
    private static bool IsLocalName(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IsLoopback(address));
}
