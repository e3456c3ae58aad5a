using System.Globalization;
using System.Net;
using System.Net.WebSockets;
using System.Text;
using Aether.Tests.Integration.Fixtures;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>
/// Whoever listens to a meter hears all that have its name in the process: nothing else may run meanwhile.
/// </summary>
[CollectionDefinition(nameof(MetricsTests), DisableParallelization = true)]
public sealed class AloneForMetrics;

/// <summary>What <c>/metrics</c> shows, and to whom.</summary>
[Collection(nameof(MetricsTests))]
public sealed class MetricsTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Metrics_AreThoseOfTheirHost_GivenAnotherThatComesAndGoesInTheProcess()
    {
        await using var host = await EmbeddingApp.StartAsync();
        using var member = await host.ConnectAsync(client: "c1");
        await member.SendAsync(EmbeddingApp.Message("here"));
        await member.ReceiveAsync();
        await using (var other = await EmbeddingApp.StartAsync())
        {
            using var first = await other.ConnectAsync(client: "c1");
            using var second = await other.ConnectAsync(client: "c2");
            await first.SendAsync(EmbeddingApp.Message("there"));
            await first.ReceiveAsync();

            Assert.Equal(("2", "1"), await ReadAsync(other));
            Assert.Equal(("1", "1"), await ReadAsync(host));
        }

        Assert.Equal(("1", "1"), await ReadAsync(host));

        static async Task<(string Connections, string Received)> ReadAsync(EmbeddingApp host)
        {
            string[] lines = (await host.CreateClient().GetStringAsync("metrics", Cancellation)).Split('\n');
            return (Value("aether_connections{"), Value("aether_messages_received_total{"));

            string Value(string series) =>
                Assert.Single(lines, line => line.StartsWith(series, StringComparison.Ordinal)).Split(' ')[1];
        }
    }

    [Fact]
    public async Task Metrics_ShowWhatHappened_ToMessagesAndConnections()
    {
        using var host = HttpHost.Open();
        var client = host.CreateClient();
        using var member = await host.ConnectAsync("g1", "c1");

        await member.SendAsync(
            """{"msg_type":"msg","target":"group","from_id":"c1","payload":{},"sent_at":"2026-01-01T00:00:00Z"}""");
        await member.ReceiveAsync();
        using var stranger = await host.ConnectAsync("g1", "c2");
        await stranger.SendAsync("{}");
        Assert.Equal(4000, await stranger.ReceiveCloseAsync());
        await CloseAsync(await host.ConnectAsync("g1", "c3"), 1000);
        await CloseAsync(await host.ConnectAsync("g1", "c4"), 4321);
        (await host.ConnectAsync("g1", "c5")).Abort();

        // A page of metrics is kept for a moment.
        string[] missing = [];
        await Eventually.HoldsAsync(
            async () =>
            {
                string metrics = await client.GetStringAsync("/metrics", Cancellation);
                missing =
                [
                    .. from expected in new (string Name, string Tag, double AtLeast)[]
                    {
                        ("aether_messages_published_total", "outcome=\"published\",target=\"group\"", 1),
                        ("aether_publish_duration_seconds_bucket", "le=\"0.001\"", 0),
                        ("aether_messages_received_total", "", 2),
                        ("aether_connections", "", 1),
                        ("aether_connections_closed_total", "code=\"1000\"", 1),
                        ("aether_connections_closed_total", "code=\"1006\"", 1),
                        ("aether_connections_closed_total", "code=\"4000\"", 1),
                        // Chosen by a client, which must not name series.
                        ("aether_connections_closed_total", "code=\"other\"", 1),
                        ("aether_channels", "", 3),
                        ("aether_delivery_waiting", "loop=\"0\"", 0),
                        ("aether_presence_transitions_total", "transition=\"came\"", 1),
                        ("http_server_request_duration_seconds_count", "", 1),
                        ("kestrel_active_connections", "", 1),
                        ("dotnet_process_memory_working_set_bytes", "", 1),
                    }
                    where Value(metrics, expected.Name, expected.Tag) < expected.AtLeast
                    select expected.Name
                ];
                return missing.Length == 0;
            },
            state: () => string.Join(' ', missing));
    }

    [Theory]
    [InlineData("10.0.0.1", null, 401)]
    [InlineData("10.0.0.1", HttpHost.Plain, 403)]
    [InlineData("10.0.0.1", HttpHost.Admin, 200)]
    [InlineData("127.0.0.1", null, 401)]
    [InlineData("127.0.0.1", HttpHost.Admin, 200)]
    public async Task Metrics_AreForAdmins_GivenKeys(string address, string? key, int status)
    {
        using var host = HttpHost.WithKeys(seen => seen.Address = IPAddress.Parse(address));

        var response = await host.CreateClient(key).GetAsync("/metrics", Cancellation);

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal(
            status == 200 ? "text/plain" : "application/problem+json", response.Content.Headers.ContentType?.MediaType);
    }

    [Theory]
    [InlineData(HttpHost.Admin, 200)]
    [InlineData(HttpHost.Plain, 403)]
    [InlineData("no-key-of-anybody-0123", 401)]
    public async Task Metrics_TakeTheKeyAsPassword_GivenKeys(string key, int status)
    {
        using var host = HttpHost.WithKeys(environment: "Production");
        var client = host.CreateClient();
        client.DefaultRequestHeaders.Authorization =
            new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes("prometheus:" + key)));

        var response = await client.GetAsync("/metrics", Cancellation);

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal(
            status == 401 ? "Basic realm=\"Aether metrics\", charset=\"UTF-8\"" : null,
            response.Headers.WwwAuthenticate.SingleOrDefault()?.ToString());
    }

    private static async Task CloseAsync(ClientWebSocket socket, int code)
    {
        await socket.CloseAsync((WebSocketCloseStatus)code, null, Cancellation);
        socket.Dispose();
    }

    /// <summary>The value of the first series with this name and tag; -1 if there is none.</summary>
    private static double Value(string metrics, string name, string tag)
    {
        foreach (string line in metrics.Split('\n'))
        {
            if (line.StartsWith(name + "{", StringComparison.Ordinal) && line.Contains(tag, StringComparison.Ordinal))
            {
                string value = line[(line.LastIndexOf('}') + 2)..].Split(' ')[0];
                return double.Parse(value, CultureInfo.InvariantCulture);
            }
        }
        return -1;
    }
}
