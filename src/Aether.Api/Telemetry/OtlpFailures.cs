using System.Diagnostics.Tracing;

namespace Aether.Api.Telemetry;

/// <summary>
/// Logs that exports fail: the exporter tells it as an event that nobody hears, and a collector that is away or misspelled
/// would look like one that works. Of an event only its name: its text may hold what stands in the address.
/// </summary>
internal sealed class OtlpFailures(ILogger logger) : EventListener
{
    private const string Source = "OpenTelemetry-Exporter-OpenTelemetryProtocol";
    private const long Pause = 30_000;

    private readonly Lock gate = new();
    private long next = long.MinValue;

    /// <inheritdoc/>
    protected override void OnEventSourceCreated(EventSource eventSource)
    {
        if (eventSource.Name == Source)
            EnableEvents(eventSource, EventLevel.Warning);
    }

    /// <inheritdoc/>
    protected override void OnEventWritten(EventWrittenEventArgs eventData)
    {
        lock (gate)
        {
            if (Environment.TickCount64 < next)
                return;
            next = Environment.TickCount64 + Pause;
        }
        logger.OtlpExportFailed(eventData.EventName);
    }
}
