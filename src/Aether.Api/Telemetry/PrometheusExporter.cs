using OpenTelemetry;
using OpenTelemetry.Metrics;

namespace Aether.Api.Telemetry;

/// <summary>Collects metrics when somebody asks for them, as text.</summary>
[ExportModes(ExportModes.Pull)]
internal sealed class PrometheusExporter : BaseExporter<Metric>, IPullMetricExporter
{
    private readonly Lock gate = new();
    private string text = "";

    /// <summary>What the reader of the metrics gives: it asks everything, and calls back.</summary>
    public Func<int, bool>? Collect { get; set; }

    /// <summary>Everything as it is now.</summary>
    public string CollectText()
    {
        // Two that ask at once must not read each other's half.
        lock (gate)
        {
            Collect!(Timeout.Infinite);
            return text;
        }
    }

    /// <inheritdoc/>
    public override ExportResult Export(in Batch<Metric> batch)
    {
        text = PrometheusText.Write(batch);
        return ExportResult.Success;
    }
}
