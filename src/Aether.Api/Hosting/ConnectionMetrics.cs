using System.Diagnostics.Metrics;
using Aether.Api.WebSockets;
using Aether.Application.Instrumentation;

namespace Aether.Api.Hosting;

/// <summary>Gauges of the connections. They are read when somebody asks, and cost nothing in between.</summary>
internal sealed class ConnectionMetrics : IDisposable
{
    private readonly Meter meter = new(RealtimeMetrics.MeterName);

    public ConnectionMetrics(ConnectionRegistry registry) =>
        meter.CreateObservableGauge(
            "aether.connections", () => registry.Count, "{connection}", "WebSocket connections of this instance.");

    public void Dispose() => meter.Dispose();
}
