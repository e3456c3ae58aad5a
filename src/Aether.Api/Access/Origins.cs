using System.Globalization;
using Aether.Api.Configuration;
using Aether.Application;
using Microsoft.Extensions.Primitives;

namespace Aether.Api.Access;

/// <summary>
/// Which web pages may connect. A page acts with what its visitor's machine can reach, so where it comes from counts.
/// Programs send no origin, and are not asked for one.
/// </summary>
internal sealed class Origins(LiveOptions options)
{
    private const string Option = RealtimeOptions.Section + ":AllowedOrigins";

    private const string NotListed = "this origin may not connect: it is not in " + Option;

    private const string NotOwn =
        "this origin may not connect: without API keys or tokens only the server's own pages may, and those of this machine on this "
        + "machine; add the origin to " + Option + ", or configure API keys or tokens";

    /// <summary>Why the page that asks may not; <see langword="null"/>: it may, or it is no page that asks.</summary>
    /// <param name="context">The request.</param>
    /// <param name="keyAsked">Whether a key was asked for, which no page has that was not given one.</param>
    public string? Refuse(HttpContext context, bool keyAsked)
    {
        var origin = context.Request.Headers.Origin;
        if (origin.Count == 0)
            return null;
        if (options.Current.AllowedOrigins is { } allowed)
        {
            return origin.Count == 1 && allowed.Contains(origin[0]!, StringComparer.OrdinalIgnoreCase)
                ? null
                : NotListed;
        }
        return keyAsked || IsOwn(context, origin) ? null : NotOwn;
    }

    private static bool IsOwn(HttpContext context, StringValues origin)
    {
        if (origin.Count != 1 || !TryRead(origin[0], out var page))
            return false;
        // Over a road that does not leave this machine any page in a browser here can come along, under any name that it
        // lets resolve to here. What asks for a name of this machine was not led here by that, and a page of this
        // machine is nobody else's.
        return ThisMachine.IsRoad(context)
            ? ThisMachine.IsCaller(context) && ThisMachine.IsName(page.Host)
            : IsSame(page, context.Request.Host);
    }

    private static bool IsSame(Uri page, HostString host) =>
        host.HasValue
        && string.Equals(page.Host, host.Host, StringComparison.OrdinalIgnoreCase)
        // TLS may have ended in front of us: the port that is not said is that of the page's scheme.
        && page.Port == (host.Port ?? (page.Scheme == Uri.UriSchemeHttps ? 443 : 80));

    // As browsers write it, and nothing else: no path, no user, no list, and not null, which any page can be.
    private static bool TryRead(string? origin, out Uri page)
    {
        if (!Uri.TryCreate(origin, UriKind.Absolute, out page!)
            || (page.Scheme != Uri.UriSchemeHttp && page.Scheme != Uri.UriSchemeHttps))
            return false;
        string named = page.Scheme + "://" + page.Host;
        string withPort = string.Create(CultureInfo.InvariantCulture, $"{named}:{page.Port}");
        return origin.Equals(withPort, StringComparison.OrdinalIgnoreCase)
            || (page.IsDefaultPort && origin.Equals(named, StringComparison.OrdinalIgnoreCase));
    }
}
