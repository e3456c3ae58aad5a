using Aether.Api.Http;
using Microsoft.AspNetCore.Routing.Matching;

namespace Aether.Api.Hosting;

/// <summary>
/// Keeps a host's <c>{**rest}</c> from taking the paths that give way to the host: it answers what nobody else does. One
/// with a name in front, such as <c>/openapi/{**rest}</c>, is meant, and stays first.
/// </summary>
internal sealed class CatchAllsLast : MatcherPolicy, IEndpointSelectorPolicy
{
    /// <summary>Behind the framework's own, which know more of the request.</summary>
    public override int Order => 1_000;

    public bool AppliesToEndpoints(IReadOnlyList<Endpoint> endpoints) =>
        endpoints.Any(one => BeginningOf(one) is not null) && endpoints.Any(one => CatchAllOf(one) is not null);

    public Task ApplyAsync(HttpContext httpContext, CandidateSet candidates)
    {
        int? beginning = null;
        for (int i = 0; i < candidates.Count && beginning is null; i++)
        {
            if (candidates.IsValidCandidate(i))
                beginning = BeginningOf(candidates[i].Endpoint);
        }
        for (int i = 0; i < candidates.Count; i++)
        {
            if (candidates.IsValidCandidate(i) && CatchAllOf(candidates[i].Endpoint) <= beginning)
                candidates.SetValidity(i, false);
        }
        return Task.CompletedTask;
    }

    /// <summary>At which segment of its route an endpoint's own path begins; null: it gives way to nobody.</summary>
    private static int? BeginningOf(Endpoint endpoint)
    {
        if (endpoint.Metadata.GetMetadata<CommonName>() is not { } name || endpoint is not RouteEndpoint route)
            return null;
        var segments = route.RoutePattern.PathSegments;
        for (int i = segments.Count - 1; i >= 0; i--)
        {
            if (segments[i].Parts is [Microsoft.AspNetCore.Routing.Patterns.RoutePatternLiteralPart part]
                && part.Content == name.FirstSegment)
                return i;
        }
        return null;
    }

    /// <summary>At which segment an endpoint takes whatever follows; null: at none.</summary>
    private static int? CatchAllOf(Endpoint endpoint) =>
        endpoint is RouteEndpoint route && route.RoutePattern.Parameters.Any(parameter => parameter.IsCatchAll)
            ? route.RoutePattern.PathSegments.Count - 1
            : null;
}
