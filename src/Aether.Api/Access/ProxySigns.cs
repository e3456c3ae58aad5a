using Microsoft.Extensions.Options;

namespace Aether.Api.Access;

/// <summary>
/// What shows that a request came through a proxy, and that the other end of the connection is not who asks. No browser
/// and no program that asks a server by itself sends any of it. A sign is never believed, only seen: whoever makes one
/// up is taken for a stranger.
/// </summary>
internal static class ProxySigns
{
    /// <summary>How names begin that only proxies, and what stands behind one, write into a request.</summary>
    private static readonly string[] Beginnings =
    [
        // The usual ones; the second is what a forwarded-headers middleware leaves behind when it has used the first.
        "X-Forwarded", "X-Original-", "X-Real-", "X-Proxy", "Proxy-", "X-Ingress-", "X-Auth-Request-", "MS-ASPNETCORE-",
        "X-SSL-", "SSL-Client-",
        // Of products and services.
        "X-Envoy-", "X-Arr-", "X-Azure-", "X-Amzn-", "X-Amz-Cf-", "CloudFront-", "X-Appengine-", "X-Google-",
        "X-Cloud-", "CF-", "CDN-", "Fly-", "Fastly-", "X-Vercel-", "X-Nf-", "Akamai-", "X-Akamai-", "Incap-", "Ali-",
        "X-Varnish", "Tailscale-", "Ngrok-", "X-Heroku-", "X-Railway-",
    ];

    /// <summary>What stands in names that say for whom, or on whose behalf, somebody asks.</summary>
    private static readonly string[] Parts =
    [
        "Forwarded", "Client-IP", "ClientIP", "Real-IP", "RealIP", "Connecting-IP", "Remote-IP", "RemoteIP",
        "Remote-Addr", "Client-Addr", "Proxy-",
    ];

    private static readonly string[] Names =
    [
        "Via", "Early-Data", "Client-Cert", "Client-Cert-Chain", "X-Client-Cert", "Surrogate-Capability",
        "Front-End-Https", "X-Scheme", "X-Url-Scheme", "X-Host", "X-Port", "X-Https", "X-Coming-From", "X-Rewrite-Url",
        "X-Request-Start", "X-Queue-Start",
    ];

    /// <summary>Whether a request has one.</summary>
    public static bool AreIn(HttpContext context)
    {
        // Whatever runs on a machine speaks 1.1 by now. A proxy that was told nothing speaks 1.0 to who is behind it, and
        // the name that it asks for is then its own for us: nothing else would give it away.
        if (HttpProtocol.IsHttp10(context.Request.Protocol) || HttpProtocol.IsHttp09(context.Request.Protocol))
            return true;
        var headers = context.Request.Headers;
        return headers.Keys.Any(IsSign) || HostsOwn(context).Any(headers.ContainsKey);
    }

    private static bool IsSign(string name) =>
        name.EndsWith("-IP", StringComparison.OrdinalIgnoreCase)
        || Beginnings.Any(start => name.StartsWith(start, StringComparison.OrdinalIgnoreCase))
        || Parts.Any(part => name.Contains(part, StringComparison.OrdinalIgnoreCase))
        || Names.Contains(name, StringComparer.OrdinalIgnoreCase);

    // A host may have told its forwarded-headers middleware other names than the usual ones.
    private static string[] HostsOwn(HttpContext context) =>
        context.RequestServices?.GetService<IOptions<ForwardedHeadersOptions>>() is { Value: { } own }
            ?
            [
                own.ForwardedForHeaderName, own.ForwardedHostHeaderName, own.ForwardedProtoHeaderName,
                own.ForwardedPrefixHeaderName, own.OriginalForHeaderName, own.OriginalHostHeaderName,
                own.OriginalProtoHeaderName, own.OriginalPrefixHeaderName,
            ]
            : [];
}
