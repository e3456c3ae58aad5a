using System.Diagnostics.Metrics;
using Aether.Application.FanOut;
using Aether.Application.Instrumentation;
using OpenTelemetry;
using OpenTelemetry.Metrics;

namespace Aether.Api.Telemetry;

/// <summary>
/// Collects what <c>/metrics</c> shows. The provider is ours alone: a host's own OpenTelemetry keeps its readers and
/// views, and takes the same meters by their names if it wants to.
/// </summary>
internal sealed class PrometheusMetrics : IDisposable
{
    private readonly PrometheusExporter exporter = new();
    private readonly MeterProvider provider;

    // The arguments are what creates the instruments.
    public PrometheusMetrics(
        IMeterFactory meters, RealtimeMetrics realtime, DeliveryMetrics delivery, ConnectionMetrics connections)
    {
        _ = (realtime, delivery, connections);
        provider = Sdk.CreateMeterProviderBuilder()
            .AddMeter(ExportedMeters.Names)
            // The names are the process's. Another host in it has meters of the same names, which are not ours to
            // show; and whose end would take ours away with them.
            .AddView(instrument =>
                instrument.Meter.Scope is { } owner && owner != meters ? MetricStreamConfiguration.Drop : null)
            .AddReader(new BaseExportingMetricReader(exporter)
            {
                TemporalityPreference = MetricReaderTemporalityPreference.Cumulative,
            })
            .Build();
    }

    /// <summary>Answers with everything as it is now.</summary>
    public Task WriteAsync(HttpContext context) =>
        Results.Text(exporter.CollectText(), PrometheusText.ContentType).ExecuteAsync(context);

    public void Dispose() => provider.Dispose();
}
