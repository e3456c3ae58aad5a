using System.IO.Compression;
using System.Net;
using System.Text.RegularExpressions;
using Aether.Tests.Integration.Fixtures;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>How the client module and the console's files are sent: compressed, and below a version for ever.</summary>
public sealed partial class HttpAssetsTests
{
    private const string Module = "/v3/aether.js";
    private const string Page = "/v3/console";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Module, "gzip, deflate, br, zstd", "br")]
    [InlineData(Module, "gzip", "gzip")]
    [InlineData(Module, "GZIP", "gzip")]
    [InlineData(Module, "br;q=0.5, gzip", "gzip")]
    [InlineData(Module, "br;q=0, gzip;q=0", null)]
    [InlineData(Module, "br;q=0, *", "gzip")]
    [InlineData(Module, "*", "br")]
    [InlineData(Module, "identity", null)]
    [InlineData(Module, "deflate", null)]
    [InlineData(Module, "what;is=this;q=x", null)]
    [InlineData(Module, null, null)]
    [InlineData(Page, "br, gzip", "br")]
    [InlineData(Page + "/console.css", "br", "br")]
    [InlineData(Page + "/console.js", "gzip", "gzip")]
    [InlineData("/v3/aether.js.map", "br", "br")]
    public async Task File_IsSentAsTheCallerCanReadIt(string path, string? accepted, string? encoding)
    {
        using var host = HttpHost.Open();
        var client = host.CreateClient();
        byte[] plain = await client.GetByteArrayAsync(path, Cancellation);

        var answer = await AskAsync(client, path, accepted);

        byte[] sent = await answer.Content.ReadAsByteArrayAsync(Cancellation);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(encoding, answer.Content.Headers.ContentEncoding.SingleOrDefault());
        Assert.Contains("Accept-Encoding", answer.Headers.Vary);
        Assert.Equal(plain, Decoded(sent, encoding));
        Assert.True(encoding is null || sent.Length < plain.Length / 2, $"{sent.Length} of {plain.Length} bytes");
    }

    [Fact]
    public async Task Tags_AreOfTheEncoding_SoThatCachesMixNothingUp()
    {
        using var host = HttpHost.Open();
        var client = host.CreateClient();
        var tags = new List<string>();
        foreach (string accepted in new[] { "br", "gzip", "identity" })
            tags.Add((await AskAsync(client, Module, accepted)).Headers.ETag!.ToString());

        Assert.Equal(3, tags.Distinct().Count());
        var same = await AskAsync(client, Module, "br", tags[0]);
        Assert.Equal(HttpStatusCode.NotModified, same.StatusCode);
        Assert.Contains("Accept-Encoding", same.Headers.Vary);
        Assert.Equal(HttpStatusCode.OK, (await AskAsync(client, Module, "gzip", tags[0])).StatusCode);
    }

    [Fact]
    public async Task Module_IsKeptForEver_BelowItsVersion()
    {
        using var host = HttpHost.Open();
        var client = host.CreateClient();
        var plain = await AskAsync(client, Module, null);
        var address = new Uri(new Uri(client.BaseAddress!, Module), plain.Content.Headers.ContentLocation!);

        var versioned = await AskAsync(client, address.AbsolutePath, "br");

        Assert.Equal(HttpStatusCode.OK, versioned.StatusCode);
        Assert.Equal("public, max-age=31536000, immutable", Caching(versioned));
        Assert.Equal("*", Assert.Single(versioned.Headers.GetValues("Access-Control-Allow-Origin")));
        Assert.Equal("no-cache", Caching(plain));
        var map = await client.GetAsync(address.AbsolutePath + ".map", Cancellation);
        Assert.Equal("application/json", map.Content.Headers.ContentType?.MediaType);
    }

    [Fact]
    public async Task Console_LoadsItsFilesBelowTheVersion_AndSharesThemWithNobody()
    {
        using var host = HttpHost.WithKeys(environment: "Production");
        var client = host.CreateClient(HttpHost.Admin);
        string html = await client.GetStringAsync(Page, Cancellation);
        string script = Script().Match(html).Groups[1].Value;
        Assert.Matches("^[0-9a-f]{16}/console/console\\.js$", script);

        var file = await client.GetAsync("/v3/" + script, Cancellation);
        var nobody = await host.CreateClient().GetAsync("/v3/" + script, Cancellation);

        Assert.Equal("private, max-age=31536000, immutable", Caching(file));
        Assert.Equal(HttpStatusCode.Unauthorized, nobody.StatusCode);
    }

    [Theory]
    [InlineData("/v3/0123456789abcdef/aether.js", "/v3/aether.js")]
    [InlineData("/v3/0123456789abcdef/console/dom.js", "/v3/console/dom.js")]
    public async Task AnotherVersion_IsLedToWhatThereIs_AndNotKept(string path, string plain)
    {
        using var host = HttpHost.Open();

        using var http = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false })
        {
            BaseAddress = host.CreateClient().BaseAddress,
        };
        var answer = await http.GetAsync(path, Cancellation);

        Assert.Equal(HttpStatusCode.Found, answer.StatusCode);
        Assert.Equal(plain, new Uri(new Uri("http://localhost" + path), answer.Headers.Location!).AbsolutePath);
        Assert.Equal("no-cache", Caching(answer));
    }

    [Theory]
    [InlineData("/v3/3.1.0/aether.js")]
    [InlineData("/v3/0123456789abcdef/console/nothing.js")]
    [InlineData("/v3/0123456789abcdef/console/aether.js")]
    public async Task NoVersion_IsNotFound(string path)
    {
        using var host = HttpHost.Open();
        Assert.Equal(HttpStatusCode.NotFound, (await host.CreateClient().GetAsync(path, Cancellation)).StatusCode);
    }

    private static async Task<HttpResponseMessage> AskAsync(
        HttpClient client, string path, string? accepted, string? tag = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (accepted is not null)
            request.Headers.TryAddWithoutValidation("Accept-Encoding", accepted);
        if (tag is not null)
            request.Headers.TryAddWithoutValidation("If-None-Match", tag);
        return await client.SendAsync(request, Cancellation);
    }

    private static string? Caching(HttpResponseMessage answer) =>
        answer.Headers.NonValidated.TryGetValues("Cache-Control", out var values) ? Assert.Single(values) : null;

    private static byte[] Decoded(byte[] sent, string? encoding)
    {
        using var stream = new MemoryStream(sent);
        using Stream decoder = encoding switch
        {
            "br" => new BrotliStream(stream, CompressionMode.Decompress),
            "gzip" => new GZipStream(stream, CompressionMode.Decompress),
            _ => stream,
        };
        using var plain = new MemoryStream();
        decoder.CopyTo(plain);
        return plain.ToArray();
    }

    [GeneratedRegex("<script type=\"module\" src=\"([^\"]+)\"")]
    private static partial Regex Script();
}
