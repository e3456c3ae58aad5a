using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Aether.Tests.Integration.Fixtures;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>Which web pages may connect, by what they and their road are. 426 says that a handshake would be taken.</summary>
public sealed class OriginTests
{
    private const string V3 = "/v3/ws/group/g1/client/c1";
    private const string Legacy = "/ws/group/g1/client/c1";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    // The server's own pages, and those of this machine.
    [InlineData("127.0.0.1", "localhost:5080", "http://localhost:5080", true)]
    [InlineData("127.0.0.1", "localhost:5080", "http://localhost:3000", true)]
    [InlineData("127.0.0.1", "localhost:5080", "https://LOCALHOST", true)]
    [InlineData("127.0.0.1", "127.0.0.1:5080", "http://localhost:3000", true)]
    [InlineData("127.0.0.1", "localhost:5080", "http://127.0.0.1:3000", true)]
    [InlineData("::1", "[::1]:5080", "http://[::1]:3000", true)]
    [InlineData("::ffff:127.0.0.1", "localhost.:5080", "http://localhost.:3000", true)]
    [InlineData(null, "localhost", "http://localhost:3000", true)]
    // Pages of others, on a browser here.
    [InlineData("127.0.0.1", "localhost:5080", "https://evil.example", false)]
    [InlineData("127.0.0.1", "localhost:5080", "http://localhost.evil.example", false)]
    [InlineData("127.0.0.1", "localhost:5080", "http://10.0.0.1:5080", false)]
    [InlineData(null, "localhost", "https://evil.example", false)]
    // Their own name resolves to here.
    [InlineData("127.0.0.1", "evil.example:5080", "http://evil.example:5080", false)]
    [InlineData("127.0.0.1", "evil.example:5080", "http://localhost:5080", false)]
    [InlineData("::1", "evil.example", "http://evil.example", false)]
    [InlineData(null, "evil.example", "http://evil.example", false)]
    // An instance in a network: its own pages.
    [InlineData("10.0.0.7", "nas.lan:5080", "http://nas.lan:5080", true)]
    [InlineData("10.0.0.7", "NAS.lan:5080", "http://nas.LAN:5080", true)]
    [InlineData("10.0.0.7", "nas.lan", "https://nas.lan", true)]
    [InlineData("10.0.0.7", "nas.lan", "https://nas.lan:443", true)]
    [InlineData("10.0.0.7", "nas.lan:80", "http://nas.lan", true)]
    [InlineData("10.0.0.7", "nas.lan:5080", "http://nas.lan", false)]
    [InlineData("10.0.0.7", "nas.lan", "http://nas.lan:443", false)]
    [InlineData("10.0.0.7", "nas.lan:5080", "http://other.lan:5080", false)]
    [InlineData("10.0.0.7", "nas.lan:5080", "http://localhost:5080", false)]
    [InlineData("10.0.0.7", "localhost:5080", "http://localhost:3000", false)]
    // What no page has.
    [InlineData("127.0.0.1", "localhost:5080", "null", false)]
    [InlineData("127.0.0.1", "localhost:5080", "", false)]
    [InlineData("127.0.0.1", "localhost:5080", "localhost:5080", false)]
    [InlineData("127.0.0.1", "localhost:5080", "//localhost:5080", false)]
    [InlineData("127.0.0.1", "localhost:5080", "http://localhost:5080/", false)]
    [InlineData("127.0.0.1", "localhost:5080", "http://localhost:5080/path", false)]
    [InlineData("127.0.0.1", "localhost:5080", "http://me@localhost:5080", false)]
    [InlineData("127.0.0.1", "localhost:5080", "http://localhost:5080, http://localhost:5080", false)]
    [InlineData("127.0.0.1", "localhost:5080", "http://localhost:5080 http://localhost:3000", false)]
    [InlineData("127.0.0.1", "localhost:5080", "file://localhost", false)]
    [InlineData("127.0.0.1", "localhost:5080", "http://localhost:99999", false)]
    [InlineData("10.0.0.7", "nas.lan:5080", "null", false)]
    public async Task Page_MayConnectWithoutKeys_OnlyIfItIsTheServersOwnOrOfThisMachine(
        string? address, string name, string origin, bool allowed)
    {
        using var host = HttpHost.Open(
            seen => seen.Address = address is null ? null : IPAddress.Parse(address), environment: "Production");
        foreach (string path in new[] { V3, Legacy })
        {
            var answer = await AskAsync(host, path, name, [origin]);
            Assert.True((allowed ? 426 : 403) == (int)answer.StatusCode, $"{path}: {answer.StatusCode}");
        }
    }

    [Theory]
    [InlineData("X-Forwarded-Proto")]
    [InlineData("Via")]
    public async Task Page_MayNotConnect_GivenASignOfAProxyOnThisMachine(string header)
    {
        using var host = HttpHost.Open();
        var answer = await AskAsync(host, V3, "localhost:5080", ["http://localhost:5080"], header);
        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
    }

    [Fact]
    public async Task Page_MayNotConnect_GivenSeveralOrigins()
    {
        using var host = HttpHost.Open();
        var answer = await AskAsync(host, V3, "localhost", ["http://localhost:3000", "http://localhost:3000"]);
        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
    }

    [Theory]
    [InlineData("127.0.0.1", "evil.example")]
    [InlineData("10.0.0.7", "localhost")]
    public async Task Program_ConnectsAsBefore_GivenNoOrigin(string address, string name)
    {
        using var host = HttpHost.Open(seen => seen.Address = IPAddress.Parse(address));
        foreach (string path in new[] { V3, Legacy })
            Assert.Equal(HttpStatusCode.UpgradeRequired, (await AskAsync(host, path, name, [])).StatusCode);
    }

    [Theory]
    [InlineData("https://app.example", "evil.example", 426)]
    [InlineData("HTTPS://APP.example", "localhost", 426)]
    [InlineData("http://localhost:3000", "localhost", 403)]
    [InlineData("http://localhost", "localhost", 403)]
    [InlineData("null", "localhost", 403)]
    public async Task List_DecidesAlone_GivenThereIsOne(string origin, string name, int status)
    {
        using var host = HttpHost.Open(settings: ("AllowedOrigins:0", "https://app.example"));
        foreach (string path in new[] { V3, Legacy })
            Assert.Equal(status, (int)(await AskAsync(host, path, name, [origin])).StatusCode);
    }

    [Fact]
    public async Task Page_IsAskedForItsKeyAlone_GivenThereAreKeys()
    {
        using var host = HttpHost.WithKeys();
        Assert.Equal(401, (int)(await AskAsync(host, V3, "localhost", ["https://page.example"])).StatusCode);
        var withKey = await AskAsync(host, V3, "localhost", ["https://page.example"], "X-Aether-API-Key", HttpHost.Plain);
        Assert.Equal(426, (int)withKey.StatusCode);
        // There nobody is asked.
        Assert.Equal(403, (int)(await AskAsync(host, Legacy, "localhost", ["https://page.example"])).StatusCode);
    }

    [Fact]
    public async Task Refusal_SaysWhatToConfigure()
    {
        using var open = HttpHost.Open();
        using var strict = HttpHost.Open(settings: ("AllowedOrigins:0", "https://app.example"));
        foreach (var host in new[] { open, strict })
        {
            var answer = await AskAsync(host, V3, "localhost", ["https://page.example"]);
            Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
            string? detail = (string?)JsonNode.Parse(await answer.Content.ReadAsStringAsync(Cancellation))!["detail"];
            Assert.Contains("Aether:Realtime:AllowedOrigins", detail, StringComparison.Ordinal);
            Assert.DoesNotContain("page.example", detail, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("https://page.example", 403)]
    [InlineData("null", 403)]
    [InlineData("http://localhost:3000", 202)]
    [InlineData(null, 202)]
    public async Task Api_TakesNoMessageOfAForeignPage_GivenNoPreflight(string? origin, int status)
    {
        using var host = HttpHost.Open();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v3/messages");
        if (origin is not null)
            request.Headers.TryAddWithoutValidation("Origin", origin);
        request.Content = new StringContent(
            """
            {"msg_type":"msg","target":"broadcast","from_id":"c1","payload":{},"sent_at":"2026-01-01T00:00:00Z"}
            """,
            Encoding.UTF8,
            "application/json");
        var answer = await host.CreateClient().SendAsync(request, Cancellation);
        Assert.Equal(status, (int)answer.StatusCode);
    }

    private static async Task<HttpResponseMessage> AskAsync(
        HttpHost host, string path, string name, string[] origins, string? header = null, string value = "a")
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Host = name;
        foreach (string origin in origins)
            request.Headers.TryAddWithoutValidation("Origin", origin);
        if (header is not null)
            request.Headers.TryAddWithoutValidation(header, value);
        return await host.CreateClient().SendAsync(request, Cancellation);
    }
}
