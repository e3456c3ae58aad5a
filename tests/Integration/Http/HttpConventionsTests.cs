using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Aether.Tests.Integration.Fixtures;
using Microsoft.AspNetCore.Builder;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>What HTTP itself expects of a server, whatever it is asked for.</summary>
public sealed class HttpConventionsTests
{
    private const string Accepted = "application/json";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("application/json", true)]
    [InlineData("application/json; charset=utf-8", true)]
    [InlineData("application/json; charset=\"utf-8\"", true)]
    [InlineData("application/json;charset=\"UTF-8\";profile=\"a b\"", true)]
    [InlineData("Application/JSON ; Charset=UTF-8", true)]
    [InlineData("application/json; charset=\"utf-16\"", false)]
    [InlineData("application/json; charset=iso-8859-1", false)]
    [InlineData("application/json; charset=\"\"", false)]
    [InlineData("application/json; charset=utf-8; charset=latin1", false)]
    [InlineData("application/json, text/plain", false)]
    [InlineData("text/plain", false)]
    [InlineData("application/jsonp", false)]
    [InlineData(null, false)]
    public async Task Message_IsTaken_GivenThatItsTypeSaysJsonInUtf8(string? contentType, bool taken)
    {
        await using var host = await EmbeddingApp.StartAsync();

        using var answer = await PostAsync(host, Encoding.UTF8.GetBytes(Message()), contentType);

        if (taken)
            Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        else
            await AssertUnsupportedAsync(answer, "Accept-Post", Accepted);
    }

    [Theory]
    [InlineData("identity", true)]
    [InlineData("gzip", false)]
    [InlineData("br", false)]
    [InlineData("identity, gzip", false)]
    [InlineData("nonsense", false)]
    public async Task Message_IsTaken_GivenThatItIsSentAsItIs(string encoding, bool taken)
    {
        await using var host = await EmbeddingApp.StartAsync();
        using var packed = new MemoryStream();
        await using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
            await gzip.WriteAsync(Encoding.UTF8.GetBytes(Message()), Cancellation);

        using var answer = await PostAsync(
            host, encoding == "gzip" ? packed.ToArray() : Encoding.UTF8.GetBytes(Message()), Accepted, encoding);

        if (taken)
            Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        else
            await AssertUnsupportedAsync(answer, "Accept-Encoding", "identity");
    }

    [Theory]
    [InlineData("v3/groups")]
    [InlineData("v3/instances")]
    [InlineData("v3/groups/g1/clients")]
    [InlineData("v3/groups/g1/clients/c1")]
    [InlineData("v3/groups/g1/messages")]
    [InlineData("v3/groups/g1/leases/lead")]
    [InlineData("metrics")]
    [InlineData("health/live")]
    [InlineData("health/ready")]
    [InlineData("openapi/v1.json")]
    [InlineData("openapi/aether.json")]
    [InlineData("asyncapi.json")]
    [InlineData("message.schema.json")]
    [InlineData("scalar/")]
    [InlineData("v3/aether.js")]
    [InlineData("v3/console")]
    public async Task Head_IsAnsweredAsGet_WithoutABody(string path)
    {
        await using var host = await EmbeddingApp.StartAsync();
        using var client = host.CreateClient();
        using var socket = await host.ConnectAsync();
        using var request = new HttpRequestMessage(HttpMethod.Head, path);

        using var head = await client.SendAsync(request, Cancellation);
        using var get = await client.GetAsync(path, Cancellation);

        Assert.Equal((HttpStatusCode.OK, get.StatusCode), (head.StatusCode, HttpStatusCode.OK));
        Assert.Equal(get.Content.Headers.ContentType, head.Content.Headers.ContentType);
        Assert.Empty(await head.Content.ReadAsByteArrayAsync(Cancellation));
    }

    [Theory]
    [InlineData("v3/messages", "POST, OPTIONS")]
    [InlineData("v3/revocations", "POST, OPTIONS")]
    [InlineData("v3/groups", "GET, HEAD, OPTIONS")]
    [InlineData("v3/instances", "GET, HEAD, OPTIONS")]
    [InlineData("v3/groups/g1/clients", "GET, HEAD, OPTIONS")]
    [InlineData("v3/groups/g1/messages", "GET, HEAD, OPTIONS")]
    [InlineData("v3/groups/g1/clients/c1", "GET, HEAD, DELETE, OPTIONS")]
    [InlineData("v3/groups/g1/leases/lead", "GET, HEAD, DELETE, OPTIONS")]
    [InlineData("v3/groups/g1/clients/c1/trace", "GET, OPTIONS")]
    public async Task Options_SayWhatThereIs(string path, string allowed)
    {
        await using var host = await EmbeddingApp.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Options, path);
        using var other = new HttpRequestMessage(HttpMethod.Patch, path);

        using var options = await host.CreateClient().SendAsync(request, Cancellation);
        using var refused = await host.CreateClient().SendAsync(other, Cancellation);

        Assert.Equal(HttpStatusCode.NoContent, options.StatusCode);
        Assert.Equal(allowed, string.Join(", ", options.Content.Headers.Allow));
        Assert.Equal(HttpStatusCode.MethodNotAllowed, refused.StatusCode);
    }

    [Theory]
    [InlineData("openapi/v1.json")]
    [InlineData("openapi/aether.json")]
    [InlineData("asyncapi.json")]
    [InlineData("message.schema.json")]
    [InlineData("v3/aether.js")]
    [InlineData("v3/console")]
    public async Task Document_IsNotSentAgain_ToWhoHasIt(string path)
    {
        await using var host = await EmbeddingApp.StartAsync(pipeline: app => app.MapGroup("/rt").MapAetherRealtime());
        using var client = host.CreateClient();
        using var first = await client.GetAsync("rt/" + path, Cancellation);

        Assert.NotNull(first.Headers.ETag);
        Assert.Equal(HttpStatusCode.NotModified, await StatusAsync(client, path, first.Headers.ETag.ToString()));
        Assert.Equal(HttpStatusCode.NotModified, await StatusAsync(client, path, $"\"other\", {first.Headers.ETag}"));
        Assert.Equal(HttpStatusCode.NotModified, await StatusAsync(client, path, "*"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(client, path, "\"other\""));
    }

    [Theory]
    [InlineData("Basic", "any:" + EmbeddingApp.Key, 200)]
    [InlineData("basic", ":" + EmbeddingApp.Key, 200)]
    [InlineData("Bearer", EmbeddingApp.Key, 200)]
    [InlineData("bearer", EmbeddingApp.Key, 200)]
    [InlineData("Basic", "any:wrong", 401)]
    [InlineData("Bearer", "wrong", 401)]
    [InlineData("Bearer", "", 401)]
    [InlineData("Digest", EmbeddingApp.Key, 401)]
    public async Task Metrics_TakeTheKey_AsScrapersSendIt(string scheme, string credential, int status)
    {
        await using var host = await EmbeddingApp.WithKeyAsync();
        using var client = host.CreateClient();
        string parameter = scheme.Equals("Basic", StringComparison.OrdinalIgnoreCase)
            ? Convert.ToBase64String(Encoding.UTF8.GetBytes(credential))
            : credential;
        client.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", $"{scheme} {parameter}");

        using var answer = await client.GetAsync("metrics", Cancellation);

        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal(status == 401, answer.Headers.WwwAuthenticate.Count > 0);
        // A key that is shown twice is none.
        client.DefaultRequestHeaders.Add("X-Aether-API-Key", EmbeddingApp.Key);
        Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync("metrics", Cancellation)).StatusCode);
    }

    private static string Message() => EmbeddingApp.Message("posted", "aether");

    private static async Task<HttpStatusCode> StatusAsync(HttpClient client, string path, string ifNoneMatch)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "rt/" + path);
        request.Headers.TryAddWithoutValidation("If-None-Match", ifNoneMatch);
        using var answer = await client.SendAsync(request, Cancellation);
        return answer.StatusCode;
    }

    private static async Task<HttpResponseMessage> PostAsync(
        EmbeddingApp host, byte[] body, string? contentType, string? encoding = null)
    {
        using var content = new ByteArrayContent(body);
        if (contentType is not null)
            content.Headers.TryAddWithoutValidation("Content-Type", contentType);
        if (encoding is not null)
            content.Headers.TryAddWithoutValidation("Content-Encoding", encoding);
        return await host.CreateClient().PostAsync("v3/messages", content, Cancellation);
    }

    private static async Task AssertUnsupportedAsync(HttpResponseMessage answer, string header, string value)
    {
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, answer.StatusCode);
        Assert.Equal(
            new MediaTypeHeaderValue("application/problem+json"),
            new MediaTypeHeaderValue(answer.Content.Headers.ContentType!.MediaType!));
        Assert.Equal(value, answer.Headers.NonValidated[header].ToString());
        Assert.Equal(415, (int)JsonNode.Parse(await answer.Content.ReadAsStringAsync(Cancellation))!["status"]!);
    }
}
