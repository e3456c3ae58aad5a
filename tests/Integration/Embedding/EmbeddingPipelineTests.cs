using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Net;
using System.Net.WebSockets;
using System.Security.Claims;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Threading.RateLimiting;
using Aether.Api.WebSockets;
using Aether.Tests.Integration.Fixtures;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>The layer behind the middleware that a host has for its own endpoints: one at a time, then all at once.</summary>
public sealed class EmbeddingPipelineTests
{
    private const string User = "X-User";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Connection_IsOneOfOurs_GivenAHostsUseWebSockets()
    {
        var requests = new ConcurrentQueue<HttpContext>();
        await using var host = await EmbeddingApp.StartAsync(
            options: options => options.MaxMessageBytes = 512,
            pipeline: app =>
            {
                app.UseWebSockets(new WebSocketOptions { AllowedOrigins = { "https://own.example" } });
                app.Use((context, next) =>
                {
                    requests.Enqueue(context);
                    return next(context);
                });
                app.MapAetherRealtime();
                app.Map("/own", async context =>
                {
                    using var own = await context.WebSockets.AcceptWebSocketAsync();
                    await own.SendAsync("own"u8.ToArray(), WebSocketMessageType.Text, true, context.RequestAborted);
                });
            });
        using var socket = await host.ConnectAsync();

        // What is not captured goes past pings and limits.
        var captured = requests.Single().Features.Get<UpgradeCapture>()!;
        Assert.NotNull(captured.Transport);
        Assert.NotNull(captured.Output);
        using var own = new ClientWebSocket();
        await own.ConnectAsync(new UriBuilder(new Uri(host.Address, "own")) { Scheme = "ws" }.Uri, Cancellation);
        byte[] heard = new byte[16];
        Assert.Equal(3, (await own.ReceiveAsync(heard, Cancellation)).Count);
        await Assert.ThrowsAsync<WebSocketException>(
            () => host.ConnectAsync(headers: ("Origin", "https://other.example")));
        // Cut into more frames than are allowed, which only the captured bytes tell.
        for (int i = 0; i < ConnectionLimits.MaxFragments; i++)
            await socket.SendAsync("a"u8.ToArray().AsMemory(0, i == 0 ? 1 : 0), WebSocketMessageType.Text, false, Cancellation);
        await socket.SendAsync("a"u8.ToArray(), WebSocketMessageType.Text, true, Cancellation);
        Assert.Equal(1009, await socket.ReceiveCloseAsync());
    }

    [Fact]
    public async Task Headers_AreStillThere_GivenAHostThatLogsRequestsAtTheirEnd()
    {
        var logged = new TaskCompletionSource<(int Status, string? Agent, bool WasWebSocket)>();
        await using var host = await EmbeddingApp.StartAsync(pipeline: app =>
        {
            app.Use(async (context, next) =>
            {
                await next(context);
                logged.TrySetResult((
                    context.Response.StatusCode,
                    context.Request.Headers.UserAgent,
                    context.Request.Headers.Upgrade == "websocket"));
            });
            app.MapAetherRealtime();
        });
        using (var socket = await host.ConnectAsync(headers: ("User-Agent", "press")))
            await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "", Cancellation);

        Assert.Equal((101, "press", true), await logged.Task.WaitAsync(TimeSpan.FromSeconds(30), Cancellation));
    }

    [Fact]
    public async Task Socket_IsNoRequestOfHours_InTheMetricsOfRequests()
    {
        var durations = new ConcurrentQueue<string?>();
        using var listener = new MeterListener();
        await using var host = await EmbeddingApp.StartAsync();
        var own = host.Services.GetRequiredService<IMeterFactory>();
        listener.InstrumentPublished = (instrument, all) =>
        {
            if (instrument.Name == "http.server.request.duration" && instrument.Meter.Scope == own)
                all.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<double>((_, _, tags, _) =>
        {
            foreach (var (name, value) in tags)
            {
                if (name == "http.response.status_code")
                    durations.Enqueue(value?.ToString());
            }
        });
        listener.Start();

        using (var socket = await host.ConnectAsync())
            await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "", Cancellation);
        await Eventually.HoldsAsync(async () => (await host.CreateClient().GetStringAsync("metrics", Cancellation))
            .Contains("aether_connections{otel_scope_name=\"Aether.Realtime\"} 0", StringComparison.Ordinal));
        await host.CreateClient().GetAsync("v3/ws/group/g1/client/c1", Cancellation);
        await Eventually.HoldsAsync(() => durations.Contains("426"));

        Assert.Contains("200", durations);
        Assert.DoesNotContain("101", durations);
    }

    [Fact]
    public async Task Socket_TakesNoPlace_GivenALimiterOfRequests()
    {
        await using var host = await EmbeddingApp.StartAsync(
            builder => builder.Services.AddRateLimiter(Limit),
            app =>
            {
                app.UseRateLimiter();
                app.MapGet("/own", () => "own");
                app.MapAetherRealtime();
            });
        using var first = await host.ConnectAsync();
        using var second = await host.ConnectAsync(client: "c2");

        Assert.Equal("own", await host.CreateClient().GetStringAsync("own", Cancellation));
        Assert.Equal(HttpStatusCode.OK, (await host.CreateClient().GetAsync("v3/groups", Cancellation)).StatusCode);
    }

    [Fact]
    public async Task Handshakes_AreLimited_GivenAPolicyThatTheHostAsksForHere()
    {
        await using var host = await EmbeddingApp.StartAsync(
            builder => builder.Services.AddRateLimiter(limiter => limiter.AddFixedWindowLimiter(
                "handshakes", window => (window.PermitLimit, window.Window) = (1, TimeSpan.FromHours(1)))),
            app =>
            {
                app.UseRateLimiter();
                app.MapAetherRealtime().RequireRateLimiting("handshakes");
            });
        using var first = await host.ConnectAsync();

        await Assert.ThrowsAsync<WebSocketException>(() => host.ConnectAsync(client: "c2"));
    }

    [Fact]
    public async Task FallbackPolicy_LeavesTheWordToTheKeys_WhereThereAreKeys()
    {
        await using var host = await EmbeddingApp.WithKeyAsync(AddUsers, UseFallback(_ => { }));

        using var socket = await host.ConnectAsync(key: EmbeddingApp.Key);
        Assert.Equal(
            HttpStatusCode.OK,
            (await host.CreateClient(EmbeddingApp.Key).GetAsync("v3/groups", Cancellation)).StatusCode);
        Assert.Equal("ok", JsonDocument.Parse(await host.CreateClient().GetStringAsync("health/ready", Cancellation))
            .RootElement.GetProperty("status").GetString());
        Assert.Equal(
            HttpStatusCode.Unauthorized, (await host.CreateClient().GetAsync("v3/groups", Cancellation)).StatusCode);
        Assert.Equal(
            HttpStatusCode.Unauthorized, (await host.CreateClient().GetAsync("own", Cancellation)).StatusCode);
    }

    [Fact]
    public async Task FallbackPolicy_Holds_WhereNoKeyIsAsked()
    {
        await using var host = await EmbeddingApp.StartAsync(AddUsers, UseFallback(_ => { }));

        await Assert.ThrowsAsync<WebSocketException>(() => host.ConnectAsync());
        Assert.Equal(
            HttpStatusCode.Unauthorized, (await host.CreateClient().GetAsync("v3/groups", Cancellation)).StatusCode);
        using var socket = await host.ConnectAsync(headers: (User, "ann"));
        Assert.Equal(HttpStatusCode.OK, (await host.CreateClient().GetAsync("health/live", Cancellation)).StatusCode);
    }

    [Fact]
    public async Task HostsPolicy_IsAskedBesideTheKey_WhereTheHostRequiresIt()
    {
        await using var host = await EmbeddingApp.WithKeyAsync(
            AddUsers, UseFallback(layer => layer.RequireAuthorization()));

        await Assert.ThrowsAsync<WebSocketException>(() => host.ConnectAsync(key: EmbeddingApp.Key));
        await Assert.ThrowsAsync<WebSocketException>(() => host.ConnectAsync(headers: (User, "ann")));
        using var socket = await host.ConnectAsync(key: EmbeddingApp.Key, headers: (User, "ann"));
    }

    [Fact]
    public async Task Answers_AreReadable_GivenResponseCompression()
    {
        await using var host = await EmbeddingApp.StartAsync(
            builder => builder.Services.AddResponseCompression(),
            app =>
            {
                app.UseResponseCompression();
                app.MapAetherRealtime();
            });
        using var handler = new HttpClientHandler { AutomaticDecompression = DecompressionMethods.All };
        using var client = new HttpClient(handler) { BaseAddress = host.Address };
        using var socket = await host.ConnectAsync(headers: ("Accept-Encoding", "gzip, br"));

        await socket.SendAsync(EmbeddingApp.Message("through"));

        Assert.Equal("through", (string?)(await socket.ReceiveAsync())["msg"]);
        foreach (string path in (string[])["v3/groups", "openapi/v1.json", "asyncapi.json"])
            Assert.NotNull(JsonDocument.Parse(await client.GetStringAsync(path, Cancellation)));
        Assert.Contains("export", await client.GetStringAsync("v3/aether.js", Cancellation), StringComparison.Ordinal);
        Assert.Contains("aether_connections", await client.GetStringAsync("metrics", Cancellation), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Answers_AreNotKept_GivenACacheOfAllAnswers()
    {
        await using var host = await EmbeddingApp.WithKeyAsync(
            builder => builder.Services.AddOutputCache(cache => cache.AddBasePolicy(policy => policy.Cache())),
            app =>
            {
                app.UseOutputCache();
                app.MapAetherRealtime();
            });
        var granted = await host.CreateClient(EmbeddingApp.Key).GetAsync("v3/groups", Cancellation);

        var stranger = await host.CreateClient().GetAsync("v3/groups", Cancellation);

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.Unauthorized), (granted.StatusCode, stranger.StatusCode));
    }

    [Fact]
    public async Task Answers_KeepTheirShape_GivenAHostsOwnWayToWriteJson()
    {
        await using var host = await EmbeddingApp.StartAsync(builder => builder.Services.ConfigureHttpJsonOptions(json =>
        {
            json.SerializerOptions.PropertyNamingPolicy = JsonNamingPolicy.KebabCaseUpper;
            json.SerializerOptions.DictionaryKeyPolicy = JsonNamingPolicy.KebabCaseUpper;
            json.SerializerOptions.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault;
            json.SerializerOptions.NumberHandling = JsonNumberHandling.WriteAsString;
        }));
        using var message = new StringContent(
            EmbeddingApp.Message("m", "aether"), Encoding.UTF8, "application/json");

        var sent = await host.CreateClient().PostAsync("v3/messages", message, Cancellation);

        Assert.Equal("""{"instances":0}""", await sent.Content.ReadAsStringAsync(Cancellation));
        var refused = await host.CreateClient().GetAsync("v3/groups?limit=0", Cancellation);
        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        var problem = JsonDocument.Parse(await refused.Content.ReadAsStringAsync(Cancellation)).RootElement;
        Assert.Equal((400, "limit"), (problem.GetProperty("status").GetInt32(), problem.GetProperty("field").GetString()));
        using var lost = await host.CreateClient().GetAsync("v3/groups/g1/messages?after=other:1", Cancellation);
        var gone = JsonDocument.Parse(await lost.Content.ReadAsStringAsync(Cancellation)).RootElement;
        Assert.Equal(
            (410, "after", "epoch"),
            (gone.GetProperty("status").GetInt32(), gone.GetProperty("field").GetString(), gone.GetProperty("reason").GetString()));
        using var socket = await host.ConnectAsync();
        using var removed = await host.CreateClient().DeleteAsync("v3/groups/g1/clients/c1", Cancellation);
        Assert.Equal("""{"instances":1}""", await removed.Content.ReadAsStringAsync(Cancellation));
        Assert.Equal(HttpStatusCode.OK, (await host.CreateClient().GetAsync("openapi/v1.json", Cancellation)).StatusCode);
    }

    [Fact]
    public async Task Everything_Works_GivenAHostThatHasAllOfIt()
    {
        var ended = new ConcurrentQueue<string?>();
        await using var host = await EmbeddingApp.WithKeyAsync(
            builder =>
            {
                AddUsers(builder);
                builder.Services.AddRateLimiter(Limit).AddResponseCompression().AddRequestTimeouts().AddOpenApi();
                builder.Services.AddOutputCache(cache => cache.AddBasePolicy(policy => policy.Cache()));
                builder.Services.AddHttpLogging().AddHealthChecks().AddCheck<Fine>("own");
                builder.Services.AddAetherRealtime(builder.Configuration);
            },
            app =>
            {
                app.UsePathBase("/base");
                app.UseHttpLogging();
                app.Use(async (context, next) =>
                {
                    await next(context);
                    ended.Enqueue(context.Request.Headers.UserAgent);
                });
                app.UseResponseCompression();
                app.UseWebSockets();
                app.UseRouting();
                app.UseRequestTimeouts();
                app.UseRateLimiter();
                app.UseAuthentication();
                app.UseAuthorization();
                app.UseOutputCache();
                app.MapHealthChecks("/healthz").AllowAnonymous();
                app.MapOpenApi().AllowAnonymous();
                app.MapGet("/own", () => "own").AllowAnonymous();
                var group = app.MapGroup("/rt");
                group.MapAetherRealtime();
                group.MapAetherRealtime();
                app.MapGet("{**rest}", () => "rest").AllowAnonymous();
                app.MapFallback(() => "fallback").AllowAnonymous();
            });
        var client = host.CreateClient(EmbeddingApp.Key);
        using var first = await host.ConnectAsync("base/rt/", EmbeddingApp.Key, headers: ("User-Agent", "press"));
        using var second = await host.ConnectAsync("base/rt/", EmbeddingApp.Key, "c2");

        await first.SendAsync(EmbeddingApp.Message("hello"));

        Assert.Equal("hello", (string?)(await second.ReceiveAsync())["msg"]);
        Assert.Contains("\"c2\"", await client.GetStringAsync("base/rt/v3/groups/g1/clients", Cancellation), StringComparison.Ordinal);
        foreach (string path in (string[])
            ["own", "healthz", "openapi/v1.json", "base/rt/health/ready", "base/rt/openapi/v1.json",
                "base/rt/asyncapi.json", "base/rt/metrics", "base/rt/v3/aether.js", "base/rt/v3/console"])
        {
            string answer = await client.GetStringAsync(path, Cancellation);
            Assert.NotEqual((path, "rest"), (path, answer));
        }
        await first.CloseAsync(WebSocketCloseStatus.NormalClosure, "", Cancellation);
        await Eventually.HoldsAsync(() => ended.Contains("press"));
    }

    private static void Limit(RateLimiterOptions limiter)
    {
        limiter.RejectionStatusCode = StatusCodes.Status429TooManyRequests;
        limiter.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, string>(_ =>
            RateLimitPartition.GetConcurrencyLimiter("all", _ => new ConcurrencyLimiterOptions { PermitLimit = 1 }));
    }

    private static void AddUsers(WebApplicationBuilder builder)
    {
        builder.Services.AddAuthentication("test").AddScheme<AuthenticationSchemeOptions, SaysWho>("test", null);
        builder.Services.AddAuthorizationBuilder()
            .SetFallbackPolicy(new AuthorizationPolicyBuilder().RequireAuthenticatedUser().Build());
    }

    private static Action<WebApplication> UseFallback(Action<IEndpointConventionBuilder> layer) => app =>
    {
        app.UseAuthentication();
        app.UseAuthorization();
        app.MapGet("/own", () => "own");
        layer(app.MapAetherRealtime());
    };

    private sealed class Fine : Microsoft.Extensions.Diagnostics.HealthChecks.IHealthCheck
    {
        public Task<Microsoft.Extensions.Diagnostics.HealthChecks.HealthCheckResult> CheckHealthAsync(
            Microsoft.Extensions.Diagnostics.HealthChecks.HealthCheckContext context,
            CancellationToken cancellationToken = default) =>
            Task.FromResult(Microsoft.Extensions.Diagnostics.HealthChecks.HealthCheckResult.Healthy());
    }

    /// <summary>Believes the header.</summary>
    private sealed class SaysWho(
        IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder)
        : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
    {
        protected override Task<AuthenticateResult> HandleAuthenticateAsync()
        {
            if (Request.Headers[User] is not [{ } name])
                return Task.FromResult(AuthenticateResult.NoResult());
            var identity = new ClaimsIdentity([new Claim(ClaimTypes.Name, name)], Scheme.Name);
            return Task.FromResult(AuthenticateResult.Success(
                new AuthenticationTicket(new ClaimsPrincipal(identity), Scheme.Name)));
        }
    }
}
