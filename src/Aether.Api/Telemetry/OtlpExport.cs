using System.Reflection;
using Aether.Application.FanOut;
using Aether.Application.Instrumentation;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Aether.Api.Telemetry;

/// <summary>
/// Sends metrics and traces to a collector by OTLP, for the server that runs alone: a host has an OpenTelemetry of its own.
/// Where no variable asks for it nothing of this is there, and the exporter's assembly is not even loaded.
/// </summary>
internal sealed class OtlpExport : IHostedService, IDisposable
{
    // A collector that is away must not keep the process that stops.
    private const int LastExportMilliseconds = 3_000;

    private readonly OtlpTargets targets;
    private readonly ILogger<OtlpExport> logger;
    private OtlpFailures? failures;
    private MeterProvider? meters;
    private TracerProvider? tracers;

    // The three in front are what creates the instruments.
    public OtlpExport(
        RealtimeMetrics realtime,
        DeliveryMetrics delivery,
        ConnectionMetrics connections,
        OtlpTargets targets,
        ILogger<OtlpExport> logger)
    {
        _ = (realtime, delivery, connections);
        (this.targets, this.logger) = (targets, logger);
    }

    /// <summary>Adds the export of what is to be exported.</summary>
    public static void Add(IServiceCollection services, OtlpTargets targets)
    {
        if (targets is { Metrics: null, Traces: null })
            return;
        services.AddSingleton(targets);
        services.AddHostedService<OtlpExport>();
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        failures = new OtlpFailures(logger);
        if (targets.Metrics is { } metrics)
        {
            meters = Sdk.CreateMeterProviderBuilder()
                .SetResourceBuilder(Resource())
                .AddMeter(ExportedMeters.Names)
                .AddOtlpExporter(options => Configure(options, metrics))
                .Build();
            Tell("metrics", metrics);
        }
        if (targets.Traces is { } traces)
        {
            // Not ASP.NET Core's own: the span of a socket would last for hours, and be the parent of all that it sends.
            tracers = Sdk.CreateTracerProviderBuilder()
                .SetResourceBuilder(Resource())
                .AddSource(RealtimeTracing.SourceName)
                .AddOtlpExporter(options => Configure(options, traces))
                .Build();
            Tell("traces", traces);
        }
        return Task.CompletedTask;
    }

    public async Task StopAsync(CancellationToken cancellationToken) =>
        // What has not been sent goes out now, both at once.
        await Task.WhenAll(
            Task.Run(() => meters?.Shutdown(LastExportMilliseconds), CancellationToken.None),
            Task.Run(() => tracers?.Shutdown(LastExportMilliseconds), CancellationToken.None)).ConfigureAwait(false);

    public void Dispose()
    {
        meters?.Dispose();
        tracers?.Dispose();
        failures?.Dispose();
    }

    // What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say goes before.
    private static ResourceBuilder Resource() => ResourceBuilder.CreateEmpty()
        .AddService(
            "aether-realtime",
            serviceVersion: typeof(OtlpExport).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()
                ?.InformationalVersion)
        .AddTelemetrySdk()
        .AddEnvironmentVariableDetector();

    private static void Configure(OtlpExporterOptions options, OtlpTarget target)
    {
        options.Protocol = target.IsGrpc ? OtlpExportProtocol.Grpc : OtlpExportProtocol.HttpProtobuf;
        options.Endpoint = target.Endpoint;
        options.Headers = target.Headers;
        if (target.TimeoutMilliseconds is { } timeout)
            options.TimeoutMilliseconds = timeout;
    }

    // Without what may stand around it: a user, a token in the path.
    private void Tell(string signal, OtlpTarget target) =>
        logger.ExportsByOtlp(signal, target.Protocol, target.Endpoint.GetComponents(
            UriComponents.SchemeAndServer, UriFormat.UriEscaped));
}
