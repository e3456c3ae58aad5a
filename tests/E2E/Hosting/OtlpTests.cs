using System.Diagnostics;
using Xunit;

namespace Aether.Tests.E2E;

/// <summary>Metrics and traces by OTLP, where OpenTelemetry's standard variables ask for it.</summary>
public sealed class OtlpTests
{
    private const string Assembly = "OpenTelemetry.Exporter.OpenTelemetryProtocol";
    private const string Secret = "token-0123456789";

    public static TheoryData<string, string> WrongVariables => new()
    {
        { "OTEL_EXPORTER_OTLP_ENDPOINT", $"collector-{Secret}:4317" },
        { "OTEL_EXPORTER_OTLP_ENDPOINT", $"ftp://{Secret}" },
        { "OTEL_EXPORTER_OTLP_ENDPOINT", "http://" },
        { "OTEL_EXPORTER_OTLP_ENDPOINT", $"http://{Secret}:99999" },
        { "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", $"/v1/{Secret}" },
        { "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", Secret },
        { "OTEL_EXPORTER_OTLP_PROTOCOL", "http/json" },
        { "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "GRPC!" },
        { "OTEL_EXPORTER_OTLP_HEADERS", Secret },
        { "OTEL_EXPORTER_OTLP_TIMEOUT", "10s" },
        { "OTEL_METRICS_EXPORTER", "prometheus" },
        { "OTEL_METRIC_EXPORT_INTERVAL", "-1" },
        { "OTEL_TRACES_SAMPLER", "sometimes" },
    };

    [Theory]
    [InlineData("grpc", "MetricsService/Export", "TraceService/Export")]
    [InlineData("http/protobuf", "/v1/metrics", "/v1/traces")]
    public async Task MetricsAndTraces_Arrive_AndNameNobody(string protocol, string metrics, string traces)
    {
        await using var collector = await Collector.StartAsync(grpc: protocol == "grpc");
        await using var server = await StartAsync(new()
        {
            ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.Address.ToString(),
            ["OTEL_EXPORTER_OTLP_PROTOCOL"] = protocol,
            ["OTEL_SERVICE_NAME"] = "press-hall",
        });
        await using var client = await TestClient.ConnectAsync(server, "secret-group", "secret-client");
        await client.SendAsync(Json.Message("secret-client", msg: "secret-text"));
        await client.ReceiveAsync();

        await Eventually.HoldsAsync(
            () => collector.Has(metrics, "aether.messages.published") && collector.Has(traces, "aether.publish"),
            "a metric and a span arrive");
        // What is only read when it is asked, and the web server's own.
        await Eventually.HoldsAsync(
            () => collector.Has(metrics, "aether.connections") && collector.Has(metrics, "aether.channels")
                && collector.Has(metrics, "kestrel.active_connections"),
            "the gauges arrive");
        Assert.All(collector.Exports, one => Assert.Contains("press-hall", one.Body, StringComparison.Ordinal));
        Assert.All(collector.Exports, one => Assert.DoesNotContain("secret-", one.Body, StringComparison.Ordinal));
    }

    [Fact]
    public async Task OneSignal_GoesAlone_ToTheAddressThatItHas()
    {
        await using var collector = await Collector.StartAsync(grpc: false);
        await using var server = await StartAsync(new()
        {
            ["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"] = new Uri(collector.Address, "/own/path").ToString(),
            ["OTEL_EXPORTER_OTLP_METRICS_PROTOCOL"] = "http/protobuf",
        });
        await using var client = await TestClient.ConnectAsync(server, "g", "a");
        await client.SendAsync(Json.Message("a"));
        await Eventually.HoldsAsync(() => collector.Has("/own/path", "aether.messages.published"), "metrics arrive");
        Assert.True(collector.Has("/own/path", "aether-realtime"));
        Assert.All(collector.Exports, one => Assert.Equal("/own/path", one.Path));
    }

    [Theory]
    [InlineData(null, null)]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT", "")]
    [InlineData("OTEL_SDK_DISABLED", "true")]
    public async Task Exporter_IsNotEvenLoaded_WhenNothingAsksForIt(string? variable, string? value)
    {
        var variables = new Dictionary<string, string>();
        if (variable == "OTEL_SDK_DISABLED")
            variables["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:9";
        if (variable is not null)
            variables[variable] = value!;
        await using var server = await StartAsync(variables);
        Assert.True(server.HasLoaded("Aether.Api"));
        Assert.False(server.HasLoaded(Assembly));
        await using var exporting = await StartAsync(new() { ["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:9" });
        Assert.True(exporting.HasLoaded(Assembly));
    }

    [Theory]
    [MemberData(nameof(WrongVariables))]
    public async Task Start_StopsAndNamesTheVariable_GivenAWrongOne(string variable, string value)
    {
        var variables = new Dictionary<string, string> { ["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:9" };
        variables[variable] = value;
        await using var server = ServerProcess.Launch(host: variables);
        Assert.Equal(1, await server.WaitForExitAsync(Eventually.Soon));
        string line = Assert.Single(server.Log.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith(variable + " must be ", line, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task End_BringsWhatWasNotSentYet()
    {
        await using var collector = await Collector.StartAsync(grpc: false);
        await using var server = await ServerProcess.StartAsync(host: new()
        {
            ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.Address.ToString(),
            ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
            ["OTEL_METRIC_EXPORT_INTERVAL"] = "3600000",
            ["OTEL_BSP_SCHEDULE_DELAY"] = "3600000",
        });
        await using (var client = await TestClient.ConnectAsync(server, "g", "a"))
        {
            await client.SendAsync(Json.Message("a"));
            await client.ReceiveAsync();
        }
        Assert.Empty(collector.Exports);
        server.Terminate();
        Assert.Equal(0, await server.WaitForExitAsync(Eventually.Soon));
        Assert.True(collector.Has("/v1/metrics", "aether.messages.published"));
        Assert.True(collector.Has("/v1/traces", "aether.publish"));
    }

    [Fact]
    public async Task CollectorThatIsAway_IsLogged_AndKeepsNobody()
    {
        await using var server = await StartAsync(
            new() { ["OTEL_EXPORTER_OTLP_ENDPOINT"] = $"http://{Secret}:{Secret}@127.0.0.1:9/{Secret}" });
        await using (var client = await TestClient.ConnectAsync(server, "g", "a"))
        {
            await client.SendAsync(Json.Message("a", msg: "hello"));
            Assert.Equal("hello", (await client.ReceiveAsync()).Text("msg"));
        }
        await Eventually.HoldsAsync(
            () => server.Log.Contains("exported by OTLP could not be", StringComparison.Ordinal), "the failure is logged");
        Assert.Contains("(grpc) to http://127.0.0.1:9", server.Log, StringComparison.Ordinal);
        var stop = Stopwatch.StartNew();
        server.Terminate();
        Assert.Equal(0, await server.WaitForExitAsync(Eventually.Soon));
        // Far from the 30 s after which an orchestrator kills.
        Assert.InRange(stop.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(20));
        Assert.DoesNotContain(Secret, server.Log, StringComparison.Ordinal);
    }

    /// <summary>Starts a server that exports soon, and not once a minute.</summary>
    private static Task<ServerProcess> StartAsync(Dictionary<string, string> variables) => ServerProcess.StartAsync(
        host: new(variables) { ["OTEL_METRIC_EXPORT_INTERVAL"] = "300", ["OTEL_BSP_SCHEDULE_DELAY"] = "300" });
}
