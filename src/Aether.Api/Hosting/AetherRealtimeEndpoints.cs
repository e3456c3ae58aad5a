using System.Text.Json;
using Aether.Api.Access;
using Aether.Api.Hosting;
using Aether.Api.Http;
using Aether.Api.Legacy;
using Aether.Api.WebSockets;
using Aether.Application;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Serves the real-time layer.</summary>
public static class AetherRealtimeEndpoints
{
    private const string RetryAfterSeconds = "5";

    /// <summary>
    /// Maps the WebSocket endpoint, the HTTP API, the client module <c>aether.js</c> and the console below <c>/v3</c>,
    /// and, unless the host has something of its own there, <c>/health/live</c>, <c>/health/ready</c>, <c>/metrics</c>,
    /// <c>/openapi/v1.json</c>, <c>/asyncapi.json</c> and <c>/scalar</c>. It brings its own WebSocket middleware; the host
    /// needs none. In a route group everything is below the group's prefix. A second call maps nothing anew.
    /// </summary>
    /// <returns>All of it, to add the host's own conventions to, such as <c>RequireHost</c>.</returns>
    public static IEndpointConventionBuilder MapAetherRealtime(this IEndpointRouteBuilder endpoints)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        return endpoints.ServiceProvider.GetRequiredService<MappedRoutes>().GetOrMap(endpoints, Map);
    }

    private static RouteGroupBuilder Map(IEndpointRouteBuilder endpoints)
    {
        var all = endpoints.MapGroup("");
        // What is read here depends on the key, which a cache of answers knows nothing of.
        all.CacheOutput(policy => policy.NoCache());
        bool asksForKeys = endpoints.ServiceProvider.GetRequiredService<Credentials>().Required;
        var guarded = asksForKeys ? all.MapGroup("").AuthorizesItself() : all;
        MapSockets(guarded);
        guarded.MapAetherHttp();
        // A probe has no user of the host's, and learns no more than whether it may send visitors here.
        MapHealth(all.MapGroup("").AuthorizesItself());
        return all;
    }

    private static void MapSockets(IEndpointRouteBuilder endpoints)
    {
        var realtime = endpoints.ServiceProvider.GetRequiredService<RealtimeEndpoint>();
        var sockets = endpoints.MapGroup("").LastsLong();

        // CONNECT is how HTTP/2 upgrades.
        sockets.MapMethods(
            RealtimeEndpoint.Route,
            [HttpMethods.Get, HttpMethods.Connect],
            SocketUpgrade.Pipeline(sockets, realtime.HandleAsync))
            .WithDisplayName("Aether Realtime");
        endpoints.MapMethods(
            RealtimeEndpoint.AnyRoute,
            [HttpMethods.Get, HttpMethods.Connect],
            RealtimeEndpoint.RefusePathAsync)
            .WithDisplayName("Aether Realtime, any other path");
        endpoints.Map(RealtimeEndpoint.AnyRoute, RealtimeEndpoint.RefuseMethodAsync)
            .WithDisplayName("Aether Realtime, any other method");

        if (endpoints.ServiceProvider.GetRequiredService<IOptions<RealtimeOptions>>().Value.Legacy.Enabled)
        {
            var legacy = endpoints.ServiceProvider.GetRequiredService<LegacyEndpoint>();
            sockets.MapMethods(
                LegacyEndpoint.Route,
                [HttpMethods.Get, HttpMethods.Connect],
                SocketUpgrade.Pipeline(sockets, legacy.HandleAsync)).WithDisplayName("Aether Realtime, legacy");
        }
    }

    private static void MapHealth(IEndpointRouteBuilder endpoints)
    {
        endpoints.MapHealthChecks(
                "/health/live", new HealthCheckOptions { Predicate = _ => false, ResponseWriter = WriteAsync })
            .AfterTheHost("health");
        endpoints.MapHealthChecks("/health/ready", new HealthCheckOptions
        {
            Predicate = check => check.Tags.Contains(AetherRealtimeServices.ReadyTag),
            ResponseWriter = WriteAsync,
        }).AfterTheHost("health");
    }

    private static Task WriteAsync(HttpContext context, HealthReport report)
    {
        context.Response.ContentType = "application/json";
        if (report.Status != HealthStatus.Healthy)
            context.Response.Headers.RetryAfter = RetryAfterSeconds;
        string? reason = report.Entries.Values
            .Select(entry => entry.Description).FirstOrDefault(text => text is not null);
        return context.Response.WriteAsync(JsonSerializer.Serialize(
            new { status = report.Status == HealthStatus.Healthy ? "ok" : "unavailable", reason }));
    }
}
