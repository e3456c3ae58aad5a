using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Aether.Tests.Integration.Fixtures;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>Who may look at a client's trace, and how many at a time.</summary>
public sealed class HttpTraceTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(null, "g1", "c1", HttpStatusCode.Unauthorized, null)]
    [InlineData("wrong-key-0123456789", "g1", "c1", HttpStatusCode.Unauthorized, null)]
    [InlineData(HttpHost.Plain, "g1", "c1", HttpStatusCode.Forbidden, null)]
    [InlineData(HttpHost.Broadcasting, "g1", "c1", HttpStatusCode.Forbidden, null)]
    [InlineData(HttpHost.Crossing, "g1", "c1", HttpStatusCode.Forbidden, null)]
    [InlineData(HttpHost.AdminOfG1, "g2", "c1", HttpStatusCode.Forbidden, null)]
    [InlineData(HttpHost.Admin, "g.1", "c1", HttpStatusCode.BadRequest, "group_id")]
    [InlineData(HttpHost.Admin, "aether", "c1", HttpStatusCode.BadRequest, "group_id")]
    [InlineData(HttpHost.Admin, "g1", "c.1", HttpStatusCode.BadRequest, "client_id")]
    [InlineData(HttpHost.Admin, "g1", "aether", HttpStatusCode.BadRequest, "client_id")]
    public async Task Trace_IsRefused(
        string? key, string group, string client, HttpStatusCode status, string? field)
    {
        using var host = HttpHost.WithKeys();

        var answer = await host.CreateClient(key).GetAsync(TraceReader.Path(group, client), Cancellation);

        Assert.Equal(status, answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        Assert.Equal(field, (string?)(await answer.Content.ReadFromJsonAsync<JsonObject>(Cancellation))!["field"]);
    }

    [Fact]
    public async Task Trace_IsRefused_GivenAParameterOrAnotherMethod()
    {
        using var host = HttpHost.Open();
        var client = host.CreateClient();
        string path = TraceReader.Path("g1", "c1");

        Assert.Equal(HttpStatusCode.BadRequest, (await client.GetAsync(path + "?for=1", Cancellation)).StatusCode);
        var posted = await client.PostAsync(path, null, Cancellation);
        Assert.Equal(
            (HttpStatusCode.MethodNotAllowed, "GET"), (posted.StatusCode, posted.Content.Headers.Allow.Single()));
    }

    [Fact]
    public async Task Trace_ShowsAClient_GivenAKeyThatIsGoodForItsGroup()
    {
        using var host = HttpHost.WithKeys();
        await using var trace = await TraceReader.OpenAsync(host.CreateClient(HttpHost.AdminOfG1), "g1", "c1");
        using var socket = await host.ConnectAsync("g1", "c1", key: HttpHost.Plain);

        await socket.SendAsync(
            """{"msg_type":"msg","target":"broadcast","from_id":"c1","payload":{},"sent_at":"2026-01-01T00:00:00Z"}""");

        var refused = await trace.NextAsync("refused");
        Assert.Equal(("forbidden", "target"), (refused.Of("code"), refused.Of("field")));
        // What was shown to get in is not part of it.
        Assert.DoesNotContain(HttpHost.Plain, refused.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task FifthTrace_IsRefused_UntilOneHasEnded()
    {
        using var host = HttpHost.Open();
        var client = host.CreateClient();
        var first = await TraceReader.OpenAsync(client, "g1", "c1");
        await using var second = await TraceReader.OpenAsync(client, "g1", "c1");
        await using var third = await TraceReader.OpenAsync(client, "g1", "c2");
        await using var fourth = await TraceReader.OpenAsync(client, "g2", "c1");

        var fifth = await client.GetAsync(TraceReader.Path("g1", "c1"), Cancellation);
        Assert.Equal(HttpStatusCode.TooManyRequests, fifth.StatusCode);
        Assert.Contains("4 traces", await fifth.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);

        await first.DisposeAsync();
        await Eventually.HoldsAsync(async () =>
        {
            using var again = await client.GetAsync(
                TraceReader.Path("g1", "c1"), HttpCompletionOption.ResponseHeadersRead, Cancellation);
            return again.StatusCode == HttpStatusCode.OK;
        });

        // Two who look at the same client both see it.
        using var socket = await host.ConnectAsync("g1", "c1");
        await second.NextAsync("connected");
    }
}
