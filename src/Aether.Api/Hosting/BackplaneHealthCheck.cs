using Aether.Api.WebSockets;
using Aether.Application.Ports;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Aether.Api.Hosting;

/// <summary>Ready means: messages arrive, presence is whole, and new connections are taken.</summary>
internal sealed class BackplaneHealthCheck(IMessageBus bus, IPresenceStore presence, ConnectionRegistry registry)
    : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(
        HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(
            registry.Draining ? HealthCheckResult.Unhealthy("draining")
            : !bus.IsReady ? HealthCheckResult.Unhealthy(
                "the backplane cannot be relied on now"
                + (bus.Problem is { } problem ? ": " + problem : ""))
            : !presence.IsReady ? HealthCheckResult.Unhealthy("presence is not whole yet")
            : HealthCheckResult.Healthy());
}
