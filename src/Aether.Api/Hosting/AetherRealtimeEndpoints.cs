using System.Text.Json;
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
    /// <summary>
    /// Maps the WebSocket endpoint, the HTTP API, the client module <c>aether.js</c> and the console below <c>/v3</c>,
    /// the health endpoints below <c>/health</c>, and, unless the host has something of its own there,
    /// <c>/metrics</c>, <c>/openapi/v1.json</c>, <c>/asyncapi.json</c> and <c>/scalar</c>. It brings its own WebSocket
    /// middleware; the host needs none.
    /// </summary>
    public static IEndpointRouteBuilder MapAetherRealtime(this IEndpointRouteBuilder endpoints)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        var realtime = endpoints.ServiceProvider.GetRequiredService<RealtimeEndpoint>();

        // CONNECT is how HTTP/2 upgrades.
        endpoints.MapMethods(
            RealtimeEndpoint.Route,
            [HttpMethods.Get, HttpMethods.Connect],
            SocketUpgrade.Pipeline(endpoints, realtime.HandleAsync))
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
            endpoints.MapMethods(
                LegacyEndpoint.Route,
                [HttpMethods.Get, HttpMethods.Connect],
                SocketUpgrade.Pipeline(endpoints, legacy.HandleAsync)).WithDisplayName("Aether Realtime, legacy");
        }

        endpoints.MapHealthChecks(
            "/health/live", new HealthCheckOptions { Predicate = _ => false, ResponseWriter = WriteAsync });
        endpoints.MapHealthChecks("/health/ready", new HealthCheckOptions
        {
            Predicate = check => check.Tags.Contains(AetherRealtimeServices.ReadyTag),
            ResponseWriter = WriteAsync,
        });
        endpoints.MapAetherHttp();
        return endpoints;
    }

    private static Task WriteAsync(HttpContext context, HealthReport report)
    {
        context.Response.ContentType = "application/json";
        string? reason = report.Entries.Values
            .Select(entry => entry.Description).FirstOrDefault(text => text is not null);
        return context.Response.WriteAsync(JsonSerializer.Serialize(
            new { status = report.Status == HealthStatus.Healthy ? "ok" : "unavailable", reason }));
    }
}
