using System.Diagnostics.Metrics;
using System.Net;
using Aether.Api.Telemetry;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>Our own text of the metrics beside that of OpenTelemetry's exporter, whose names dashboards know.</summary>
public sealed class PrometheusTextTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Text_IsThatOfTheExporter_GivenEveryKindOfInstrument()
    {
        using var meter = new Meter("Aether.Tests." + Guid.NewGuid().ToString("N"), "1.2");
        var exporter = new PrometheusExporter();
        using var ours = Sdk.CreateMeterProviderBuilder().AddMeter(meter.Name)
            .AddReader(new BaseExportingMetricReader(exporter)).Build();
        using var theirs = Sdk.CreateMeterProviderBuilder().AddMeter(meter.Name).AddPrometheusExporter().Build();
        Measure(meter);
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        await using var app = builder.Build();
        app.MapPrometheusScrapingEndpoint("/metrics", theirs, null, null);
        await app.StartAsync(Cancellation);
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };

        string expected = await client.GetStringAsync("/metrics", Cancellation);

        Assert.Equal(Lines(expected), Lines(exporter.CollectText()));
    }

    private static void Measure(Meter meter)
    {
        var requests = meter.CreateCounter<long>("some.requests", "{request}", "How many \"requests\" \\ came\nhere");
        requests.Add(3, new("http.route", "/a\"b\\c\nd"), new("code", 200));
        requests.Add(4, new KeyValuePair<string, object?>("http.route", "/other"));
        meter.CreateCounter<double>("spent", "s", "Time").Add(0.25);
        meter.CreateCounter<long>("sent_total").Add(5);
        meter.CreateUpDownCounter<int>("in-use", "{thread}").Add(-2);
        meter.CreateObservableGauge("load", () => 0.5, "1", "Load");
        meter.CreateObservableCounter("taken", () => 7L, "By");
        meter.CreateObservableUpDownCounter("kept.bytes", () => 1e21, "By");
        var latency = meter.CreateHistogram<double>("latency", "ms", "Wait");
        latency.Record(0.4, new KeyValuePair<string, object?>("to", "b"));
        latency.Record(40_000, new KeyValuePair<string, object?>("to", "b"));
        meter.CreateHistogram<long>("sizes").Record(7);
    }

    /// <summary>Without what the exporter says of itself, of its time and between the families, which come in another order.</summary>
    private static IEnumerable<string> Lines(string text) => text.Split('\n')
        .Where(line => line.Length > 0 && !line.Contains("target_info", StringComparison.Ordinal)
            && !line.Contains("otel_scope_info", StringComparison.Ordinal) && line != "# EOF")
        .Select(line => line.StartsWith('#') ? line : WithoutTime(line))
        .Order(StringComparer.Ordinal);

    private static string WithoutTime(string line)
    {
        int value = line.LastIndexOf('}') + 2;
        return line[..value] + line[value..].Split(' ')[0];
    }
}
