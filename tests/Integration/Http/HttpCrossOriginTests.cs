using System.Net;
using System.Net.WebSockets;
using System.Text.Json.Nodes;
using Aether.Tests.Integration.Fixtures;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>
/// Why a handshake was refused, as a page of another origin reads it: a browser tells a page nothing of a refused
/// handshake, and of a plain request only what these headers allow.
/// </summary>
public sealed class HttpCrossOriginTests
{
    private const string Path = "/v3/ws/group/g1/client/c1";
    private const string Page = "https://page.example";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Path + "?role=king", null, 400, "role: must be controller, worker or observer")]
    [InlineData(Path + "?role=worker&role=", null, 400, "role: must be controller, worker or observer")]
    [InlineData(Path + "?role=&role=worker", null, 400, "role: must be controller, worker or observer")]
    [InlineData(Path + "?role=worker&Role=worker", null, 400, "role: must be controller, worker or observer")]
    [InlineData(Path + "?echo=off&echo=", null, 400, "echo: must be on or off")]
    [InlineData(Path + "?echo=&echo=on", null, 400, "echo: must be on or off")]
    [InlineData(Path + "?echo=&echo=", null, 400, "echo: must be on or off")]
    [InlineData(Path + "?echo=", null, 400, "echo: must be on or off")]
    [InlineData(Path + "?role=&echo=off", null, 401, "a valid API key is needed, exactly once")]
    [InlineData("/v3/ws/group/a*/client/c1", null, 400, "group_id: ")]
    [InlineData("/v3/ws/elsewhere", null, 400, "path: ")]
    [InlineData(Path, null, 401, "a valid API key is needed, exactly once")]
    [InlineData(Path, "no-key-of-anybody-0123", 401, "a valid API key is needed, exactly once")]
    [InlineData("/v3/ws/group/g2/client/c1", HttpHost.AdminOfG1, 403, "this credential is not good for this group")]
    [InlineData(Path, HttpHost.Plain, 426, "this is a WebSocket endpoint")]
    public async Task Refusal_IsReadable_FromAnyOrigin(string path, string? key, int status, string detail)
    {
        using var host = HttpHost.WithKeys();

        var response = await AskAsync(host.CreateClient(key), path);

        await AssertReadableAsync(status, detail, response);
    }

    [Fact]
    public async Task Refusal_IsReadable_GivenAnOriginThatMayNotConnect()
    {
        using var host = HttpHost.Open(settings: ("AllowedOrigins:0", "https://app.example"));

        var foreign = await AskAsync(host.CreateClient(), Path);
        var allowed = await AskAsync(host.CreateClient(), Path, "https://app.example");

        await AssertReadableAsync(403, "this origin may not connect", foreign);
        await AssertReadableAsync(426, "this is a WebSocket endpoint", allowed);
    }

    [Fact]
    public async Task Refusal_SaysWhenToComeBack_GivenAFullInstance()
    {
        using var host = HttpHost.Open(settings: [("MaxConnections", "1"), ("AllowedOrigins:0", Page)]);
        using var first = await host.ConnectAsync("g1", "c1");

        var response = await AskAsync(host.CreateClient(), Path);

        await AssertReadableAsync(503, "the instance is full", response);
        Assert.Equal(TimeSpan.FromSeconds(5), response.Headers.RetryAfter?.Delta);
        Assert.Equal("Retry-After", Header(response, "Access-Control-Expose-Headers"));
    }

    [Theory]
    [InlineData(Path)]
    [InlineData("/v3/ws/group/a*/client/c1")]
    [InlineData("/v3/ws/elsewhere")]
    public async Task Preflight_AllowsTheCredential_OnEveryPath(string path)
    {
        using var host = HttpHost.WithKeys();

        var response = await PreflightAsync(host.CreateClient(), path);

        Assert.Equal(HttpStatusCode.NoContent, response.StatusCode);
        Assert.Equal(
            ("*", "GET", "X-Aether-API-Key, Authorization", "600"),
            (
                Header(response, "Access-Control-Allow-Origin"),
                Header(response, "Access-Control-Allow-Methods"),
                Header(response, "Access-Control-Allow-Headers"),
                Header(response, "Access-Control-Max-Age")));
        Assert.Equal("", await response.Content.ReadAsStringAsync(Cancellation));
    }

    [Theory]
    [InlineData("OPTIONS")]
    [InlineData("POST")]
    [InlineData("HEAD")]
    public async Task Method_IsRefusedReadably_GivenAnother(string method)
    {
        using var host = HttpHost.Open();
        using var request = new HttpRequestMessage(new HttpMethod(method), Path);

        var response = await host.CreateClient().SendAsync(request, Cancellation);

        Assert.Equal(HttpStatusCode.MethodNotAllowed, response.StatusCode);
        Assert.Equal(["GET"], response.Content.Headers.Allow);
        Assert.Equal("*", Header(response, "Access-Control-Allow-Origin"));
    }

    [Fact]
    public async Task Headers_AreThoseOfTheHostsOwnCors_AndNeverTwice()
    {
        var builder = WebApplication.CreateBuilder();
        builder.WebHost.UseTestServer();
        builder.Configuration["Aether:Realtime:AllowedOrigins:0"] = Page;
        builder.Services.AddCors(cors => cors.AddDefaultPolicy(
            policy => policy.WithOrigins(Page).WithHeaders("X-Aether-API-Key").AllowCredentials()));
        builder.Services.AddAetherRealtime(builder.Configuration);
        await using var app = builder.Build();
        app.Use((context, next) =>
        {
            context.Response.Headers["Access-Control-Expose-Headers"] = "X-Of-The-Host";
            return next(context);
        });
        app.UseCors();
        app.MapAetherRealtime();
        await app.StartAsync(Cancellation);
        var client = app.GetTestClient();

        var known = await AskAsync(client, Path);
        var preflight = await PreflightAsync(client, Path);
        var stranger = await AskAsync(client, Path, "https://stranger.example");

        Assert.Equal(HttpStatusCode.UpgradeRequired, known.StatusCode);
        Assert.Equal(
            (Page, "X-Of-The-Host"),
            (Header(known, "Access-Control-Allow-Origin"), Header(known, "Access-Control-Expose-Headers")));
        Assert.Equal(
            (HttpStatusCode.NoContent, Page), (preflight.StatusCode, Header(preflight, "Access-Control-Allow-Origin")));
        // The host's policy says nothing to it.
        Assert.Equal("*", Header(stranger, "Access-Control-Allow-Origin"));
    }

    [Fact]
    public async Task Legacy_AnswersAsBefore_WithoutAnyOfIt()
    {
        using var host = HttpHost.Open(settings: ("AllowedOrigins:0", Page));

        var response = await AskAsync(host.CreateClient(), "/ws/group/g1/client/c1");

        Assert.Equal(HttpStatusCode.UpgradeRequired, response.StatusCode);
        Assert.False(response.Headers.Contains("Access-Control-Allow-Origin"));
    }

    [Fact]
    public async Task Handshake_Connects_FromAnOriginThatMay()
    {
        using var host = HttpHost.Open(settings: ("AllowedOrigins:0", Page));
        using var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Origin", Page);
        var address = new UriBuilder(host.CreateClient().BaseAddress!) { Scheme = "ws", Path = Path };

        await socket.ConnectAsync(address.Uri, Cancellation);

        Assert.Equal(WebSocketState.Open, socket.State);
    }

    private static async Task<HttpResponseMessage> AskAsync(HttpClient client, string path, string origin = Page)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Add("Origin", origin);
        return await client.SendAsync(request, Cancellation);
    }

    private static async Task<HttpResponseMessage> PreflightAsync(HttpClient client, string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Options, path);
        request.Headers.Add("Origin", Page);
        request.Headers.Add("Access-Control-Request-Method", "GET");
        request.Headers.Add("Access-Control-Request-Headers", "x-aether-api-key");
        return await client.SendAsync(request, Cancellation);
    }

    private static async Task AssertReadableAsync(int status, string detail, HttpResponseMessage response)
    {
        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal("*", Header(response, "Access-Control-Allow-Origin"));
        var problem = JsonNode.Parse(await response.Content.ReadAsStringAsync(Cancellation))!;
        Assert.StartsWith(detail, (string?)problem["detail"], StringComparison.Ordinal);
    }

    /// <summary>The one value of the one header of this name.</summary>
    private static string Header(HttpResponseMessage response, string name) =>
        Assert.Single(response.Headers.GetValues(name));
}
