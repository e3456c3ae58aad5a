using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Aether.Tests.Integration.Fixtures;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>Where a host may put the layer, and what the paths are worth beside the host's own.</summary>
public sealed class EmbeddingRoutesTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string> Paths =>
    [
        "health/live", "health/ready", "openapi/v1.json", "openapi/aether.json", "asyncapi.json", "message.schema.json",
        "scalar/", "v3/aether.js", "v3/console", "metrics", "v3/groups", "v3/instances",
    ];

    [Fact]
    public async Task Add_AppliesOptionsOfEachCall_AfterTheSection()
    {
        await using var host = await EmbeddingApp.StartAsync(
            services: builder =>
            {
                builder.WebHost.UseSetting("Aether:Realtime:MaxMessageBytes", "300");
                builder.WebHost.UseSetting("Aether:Realtime:MaxConnections", "7");
                builder.Services.AddAetherRealtime(builder.Configuration, options => options.MaxMessageBytes = 400);
            },
            options: options => options.Console.Enabled = false);

        var options = host.Services
            .GetRequiredService<Microsoft.Extensions.Options.IOptions<Application.RealtimeOptions>>().Value;

        Assert.Equal((400, 7, false), (options.MaxMessageBytes, options.MaxConnections, options.Console.Enabled));
        Assert.Equal(
            HttpStatusCode.NotFound, (await host.CreateClient().GetAsync("v3/console", Cancellation)).StatusCode);
    }

    [Fact]
    public async Task Add_RefusesAWrongOption_GivenItInCode()
    {
        var refused = await Assert.ThrowsAsync<Microsoft.Extensions.Options.OptionsValidationException>(
            () => EmbeddingApp.StartAsync(options: options => options.MaxMessageBytes = 1));
        Assert.Contains("Aether:Realtime:MaxMessageBytes must be", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AddAndMap_AreHarmless_GivenThatBothAreCalledTwice()
    {
        await using var host = await EmbeddingApp.StartAsync(
            builder => builder.Services.AddAetherRealtime(builder.Configuration),
            app =>
            {
                var first = app.MapAetherRealtime();
                Assert.Same(first, app.MapAetherRealtime());
            });
        using var socket = await host.ConnectAsync();

        await socket.SendAsync(EmbeddingApp.Message("once"));

        Assert.Equal("once", (string?)(await socket.ReceiveAsync())["msg"]);
        foreach (string path in Paths)
            Assert.Equal(HttpStatusCode.OK, (await host.CreateClient().GetAsync(path, Cancellation)).StatusCode);
        string metrics = await host.CreateClient().GetStringAsync("metrics", Cancellation);
        Assert.Single(
            metrics.Split('\n'), line => line.StartsWith("aether_connections{", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("rt/", "/rt", "")]
    [InlineData("base/", "", "/base")]
    [InlineData("base/rt/", "/rt", "/base")]
    [InlineData("t-1/rt/", "/{tenant}/rt", "")]
    public async Task Everything_IsBelowThePrefix_GivenARouteGroupOrAPathBase(
        string prefix, string group, string pathBase)
    {
        await using var host = await EmbeddingApp.StartAsync(pipeline: app =>
        {
            if (pathBase.Length > 0)
                app.UsePathBase(pathBase);
            app.MapGroup(group).MapAetherRealtime();
        });
        var client = host.CreateClient();
        using var socket = await host.ConnectAsync(prefix);

        foreach (string path in Paths)
            Assert.Equal((path, HttpStatusCode.OK), (path, (await client.GetAsync(prefix + path, Cancellation)).StatusCode));
        var openApi = await GetAsync(client, prefix + "openapi/v1.json");
        Assert.Equal("/" + prefix.TrimEnd('/'), (string?)openApi["servers"]!.AsArray().Single()!["url"]);
        Assert.Equal("POST /v3/messages", "POST " + openApi["paths"]!.AsObject().First(path =>
            path.Value!["post"] is not null).Key);
        Assert.Equal(
            ["group_id", "client_id"],
            openApi["paths"]!["/v3/groups/{group_id}/clients/{client_id}"]!["get"]!["parameters"]!.AsArray()
                .Select(parameter => (string?)parameter!["name"]));
        var server = (await GetAsync(client, prefix + "asyncapi.json"))["servers"]!.AsObject().Single().Value!;
        Assert.Equal(
            ("ws", host.Address.Authority, "/" + prefix.TrimEnd('/')),
            ((string?)server["protocol"], (string?)server["host"], (string?)server["pathname"]));
        using var message = new StringContent(EmbeddingApp.Message("here", "aether"), Encoding.UTF8, "application/json");
        await client.PostAsync(prefix + "v3/messages", message, Cancellation);
        Assert.Equal("here", (string?)(await socket.ReceiveAsync())["msg"]);
    }

    [Fact]
    public async Task Conventions_HoldForEveryEndpoint_GivenThoseOfTheHost()
    {
        await using var host = await EmbeddingApp.StartAsync(
            pipeline: app => app.MapAetherRealtime().RequireHost("only.example"));

        foreach (string path in Paths)
            Assert.Equal(
                (path, HttpStatusCode.NotFound),
                (path, (await host.CreateClient().GetAsync(path, Cancellation)).StatusCode));
        await Assert.ThrowsAsync<System.Net.WebSockets.WebSocketException>(() => host.ConnectAsync());
    }

    [Theory]
    [InlineData("")]
    [InlineData("/rt")]
    public async Task Paths_AreOurs_GivenThatTheHostTakesWhateverIsLeft(string group)
    {
        await using var host = await EmbeddingApp.StartAsync(pipeline: app =>
        {
            app.MapGet("{**rest}", () => "the host's");
            app.MapGroup("/rt").MapGet("{**rest}", () => "the host's");
            app.MapFallback(() => "the host's");
            app.MapGroup(group).MapAetherRealtime();
        });
        var client = host.CreateClient();
        string prefix = group.TrimStart('/') + (group.Length > 0 ? "/" : "");

        foreach (string path in Paths)
            Assert.NotEqual((path, "the host's"), (path, await client.GetStringAsync(prefix + path, Cancellation)));
        Assert.Equal("the host's", await client.GetStringAsync("anything/else", Cancellation));
        Assert.Equal("the host's", await client.GetStringAsync("rt/anything/else", Cancellation));
        using var socket = await host.ConnectAsync(prefix);
    }

    [Theory]
    [InlineData("/metrics", "metrics")]
    [InlineData("/{page}", "metrics")]
    [InlineData("/health/live", "health/live")]
    [InlineData("/health/{**rest}", "health/ready")]
    [InlineData("/openapi/{name}.json", "openapi/v1.json")]
    [InlineData("/openapi/{**rest}", "openapi/v1.json")]
    [InlineData("/scalar/{name?}", "scalar/")]
    public async Task Paths_AreTheHosts_GivenThatItMapsThem(string route, string path)
    {
        await using var host = await EmbeddingApp.StartAsync(pipeline: app =>
        {
            app.MapAetherRealtime();
            app.MapGet(route, () => "the host's");
        });

        Assert.Equal("the host's", await host.CreateClient().GetStringAsync(path, Cancellation));
    }

    [Fact]
    public async Task HealthChecks_AreBothThere_GivenAHostsOwn()
    {
        await using var host = await EmbeddingApp.StartAsync(
            builder => builder.Services.AddHealthChecks()
                .AddCheck("aether", () => HealthCheckResult.Unhealthy("the host is ill")),
            app =>
            {
                app.MapHealthChecks("/healthz");
                app.MapAetherRealtime();
            });
        var client = host.CreateClient();

        Assert.Equal(
            HttpStatusCode.ServiceUnavailable, (await client.GetAsync("healthz", Cancellation)).StatusCode);
        Assert.Equal("""{"status":"ok","reason":null}""", await client.GetStringAsync("health/ready", Cancellation));
    }

    private static async Task<JsonNode> GetAsync(HttpClient client, string path) =>
        (await client.GetFromJsonAsync<JsonNode>(path, Cancellation))!;
}
