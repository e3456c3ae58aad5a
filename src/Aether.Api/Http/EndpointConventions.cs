using Microsoft.AspNetCore.RateLimiting;

namespace Aether.Api.Http;

/// <summary>How endpoints of ours get on with what a host has around them.</summary>
internal static class EndpointConventions
{
    /// <summary>Behind what a host maps itself, and in front of its catch-alls.</summary>
    private const int BehindTheHost = 1_000;

    /// <summary>
    /// Lets the host go first: these paths are names that everybody uses. A host that only catches whatever is left over
    /// has nothing of its own there.
    /// </summary>
    /// <param name="endpoint">The endpoint.</param>
    /// <param name="firstSegment">Where its own path begins, behind the prefix of a group.</param>
    public static TBuilder AfterTheHost<TBuilder>(this TBuilder endpoint, string firstSegment)
        where TBuilder : IEndpointConventionBuilder =>
        endpoint.WithOrder(BehindTheHost).WithMetadata(new CommonName(firstSegment));

    /// <summary>
    /// A request of these lasts as long as its connection, which has limits of its own. A limiter of the host's would
    /// give it a place for hours that was meant for a moment, and a timeout of the host's would watch it for nothing.
    /// </summary>
    public static RouteGroupBuilder LastsLong(this RouteGroupBuilder endpoints)
    {
        endpoints.DisableRequestTimeout();
        // Once all is said: a host that asks for a policy of its own here means the handshakes.
        ((IEndpointConventionBuilder)endpoints).Finally(endpoint =>
        {
            if (!endpoint.Metadata.OfType<EnableRateLimitingAttribute>().Any())
                endpoint.Metadata.Add(new DisableRateLimitingAttribute());
        });
        return endpoints;
    }
}

/// <summary>Marks an endpoint whose path is a name that everybody uses.</summary>
/// <param name="FirstSegment">Where its own path begins, behind the prefix of a group.</param>
internal sealed record CommonName(string FirstSegment);
