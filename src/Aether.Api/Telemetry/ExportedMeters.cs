using Aether.Application.Instrumentation;

namespace Aether.Api.Telemetry;

/// <summary>What is shown at <c>/metrics</c> and sent by OTLP: our own meter, and those that tell how the process is.</summary>
internal static class ExportedMeters
{
    public static readonly string[] Names =
    [
        RealtimeMetrics.MeterName,
        "Microsoft.AspNetCore.Hosting",
        "Microsoft.AspNetCore.Server.Kestrel",
        "System.Runtime",
    ];
}
