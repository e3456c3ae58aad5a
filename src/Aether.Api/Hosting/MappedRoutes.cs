using System.Runtime.CompilerServices;

namespace Aether.Api.Hosting;

/// <summary>
/// Where everything is mapped already. Two endpoints of one path would make each request to it fail.
/// </summary>
internal sealed class MappedRoutes
{
    private readonly ConditionalWeakTable<IEndpointRouteBuilder, RouteGroupBuilder> mapped = [];

    /// <summary>What was mapped there before, or is now.</summary>
    public RouteGroupBuilder GetOrMap(
        IEndpointRouteBuilder endpoints, Func<IEndpointRouteBuilder, RouteGroupBuilder> map) =>
        mapped.GetValue(endpoints, one => map(one));
}
