using Aether.Application.Instrumentation;
using OpenTelemetry;
using OpenTelemetry.Metrics;

namespace Aether.Api.Hosting;

/// <summary>
/// Collects what <c>/metrics</c> shows. The provider is ours alone: a host's own OpenTelemetry keeps its readers and
/// views, and takes the same meters by their names if it wants to.
/// </summary>
internal sealed class PrometheusMetrics : IDisposable
{
    // The arguments are what creates the instruments.
    public PrometheusMetrics(RealtimeMetrics realtime, DeliveryMetrics delivery, ConnectionMetrics connections)
    {
        _ = (realtime, delivery, connections);
        Provider = Sdk.CreateMeterProviderBuilder()
            .AddMeter(
                RealtimeMetrics.MeterName,
                "Microsoft.AspNetCore.Hosting",
                "Microsoft.AspNetCore.Server.Kestrel",
                "System.Runtime")
            .AddPrometheusExporter()
            .Build();
    }

    public MeterProvider Provider { get; }

    public void Dispose() => Provider.Dispose();
}
