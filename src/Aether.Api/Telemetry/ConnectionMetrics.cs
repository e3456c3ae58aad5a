using System.Diagnostics.Metrics;
using Aether.Api.WebSockets;
using Aether.Application.Instrumentation;

namespace Aether.Api.Telemetry;

/// <summary>
/// Gauges and counters of the connections. They are read when somebody asks, and cost nothing in between.
/// </summary>
internal sealed class ConnectionMetrics : IDisposable
{
    private readonly Meter meter;

    public ConnectionMetrics(ConnectionRegistry registry, IMeterFactory meters)
    {
        meter = meters.Create(RealtimeMetrics.MeterName);
        meter.CreateObservableGauge(
            "aether.connections", () => registry.Count, "{connection}", "WebSocket connections of this instance.");
        meter.CreateObservableCounter(
            "aether.connections.closed",
            () => registry.Closed.Select(code => new Measurement<long>(
                code.Value, new KeyValuePair<string, object?>("code", code.Key))),
            "{connection}",
            "Connections that ended, by close code.");
        meter.CreateObservableCounter(
            "aether.messages.received",
            () => registry.Received,
            "{message}",
            "Messages that clients sent over WebSockets, whatever became of them.");
    }

    public void Dispose() => meter.Dispose();
}
