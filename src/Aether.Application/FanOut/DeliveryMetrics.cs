using System.Diagnostics.Metrics;
using Aether.Application.Delivery;
using Aether.Application.Instrumentation;

namespace Aether.Application.FanOut;

/// <summary>Gauges of the fan-out. They are read when somebody asks, and cost nothing in between.</summary>
internal sealed class DeliveryMetrics
{
    /// <summary>Creates the instruments on the meter of the real-time layer.</summary>
    public DeliveryMetrics(RealtimeMetrics metrics, Hub hub, DeliveryLoops loops)
    {
        ArgumentNullException.ThrowIfNull(metrics);
        metrics.Meter.CreateObservableGauge(
            "aether.channels", () => hub.Channels, "{channel}", "Channels that this instance hears.");
        // One series for each loop: one that is stuck or overrun stands out.
        metrics.Meter.CreateObservableGauge(
            "aether.delivery.waiting",
            () => loops.All.Select(loop => new Measurement<int>(
                loop.Waiting, new KeyValuePair<string, object?>("loop", loop.Index))),
            "{frame}",
            "Frames that wait for a delivery loop.");
    }
}
