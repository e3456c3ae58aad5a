using System.Net;
using System.Net.Sockets;
using System.Text;
using Aether.Tests.Integration.Fixtures;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>Who counts as somebody on this machine where no keys are configured, over every road there is.</summary>
public sealed class ThisMachineTests
{
    private const string Roster = "/v3/groups/g1/clients";

    private static readonly string[] Guarded = [Roster, "/metrics", "/v3/console"];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("Forwarded")]
    [InlineData("Via")]
    [InlineData("X-Forwarded-For")]
    [InlineData("X-Forwarded-Proto")]
    [InlineData("x-forwarded-port")]
    [InlineData("X-Forwarded-Prefix")]
    [InlineData("X-Forwarded-Server")]
    [InlineData("X-Forwarded")]
    [InlineData("X-Original-Proto")]
    [InlineData("X-Original-URL")]
    [InlineData("X-Real-IP")]
    [InlineData("X-Real-Port")]
    [InlineData("X-Client-IP")]
    [InlineData("X-Cluster-Client-IP")]
    [InlineData("X-ProxyUser-Ip")]
    [InlineData("True-Client-IP")]
    [InlineData("CF-Connecting-IP")]
    [InlineData("CF-Ray")]
    [InlineData("Fly-Client-IP")]
    [InlineData("Fastly-Client-IP")]
    [InlineData("X-Envoy-External-Address")]
    [InlineData("X-Azure-ClientIP")]
    [InlineData("X-Amzn-Trace-Id")]
    [InlineData("X-Appengine-User-IP")]
    [InlineData("Client-IP")]
    [InlineData("WL-Proxy-Client-IP")]
    [InlineData("Some-Other-RealIP")]
    public async Task Stranger_IsNotServed_GivenASignOfAProxy(string header)
    {
        using var host = HttpHost.Open(environment: "Production");
        foreach (string value in new[] { "127.0.0.1", "" })
        {
            var client = host.CreateClient();
            client.DefaultRequestHeaders.TryAddWithoutValidation(header, value);
            await AssertGuardedAsync(403, client);
        }
    }

    [Theory]
    [InlineData("X-Request-Id")]
    [InlineData("traceparent")]
    [InlineData("X-B3-TraceId")]
    [InlineData("Correlation-Id")]
    [InlineData("X-Requested-With")]
    [InlineData("Cookie")]
    [InlineData("Sec-Fetch-Site")]
    [InlineData("X-Membership")]
    [InlineData("User-Agent")]
    public async Task Program_IsServed_GivenHeadersOfItsOwn(string header)
    {
        using var host = HttpHost.Open(environment: "Production");
        var client = host.CreateClient();
        client.DefaultRequestHeaders.TryAddWithoutValidation(header, "a");
        await AssertGuardedAsync(200, client);
    }

    [Theory]
    [InlineData("localhost", true)]
    [InlineData("localhost.", true)]
    [InlineData("LocalHost.:5080", true)]
    [InlineData("127.0.0.1:5080", true)]
    [InlineData("127.9.9.9", true)]
    [InlineData("[::1]:5080", true)]
    [InlineData("[::ffff:127.0.0.1]", true)]
    [InlineData("[::FFFF:7f00:1]:5080", true)]
    [InlineData("rebound.example", false)]
    [InlineData("localhost.rebound.example", false)]
    [InlineData("localhost.localdomain", false)]
    [InlineData("127.0.0.1.rebound.example", false)]
    [InlineData("notlocalhost", false)]
    [InlineData("10.0.0.1", false)]
    [InlineData("0.0.0.0", false)]
    [InlineData("[::ffff:10.0.0.1]", false)]
    [InlineData("[::2]", false)]
    [InlineData("", false)]
    public async Task Name_HasToBeLocal_OverEveryRoad(string name, bool served)
    {
        await using var app = await StartAsync(listenOnSocket: true);
        var tcp = new Uri(app.Urls.Single(url => url.StartsWith("http://127.", StringComparison.Ordinal)));
        string request = $"GET {Roster} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n";
        string expected = served ? "HTTP/1.1 200 " : "HTTP/1.1 403 ";

        Assert.StartsWith(expected, await AskAsync(EndPoint(tcp), request), StringComparison.Ordinal);
        Assert.StartsWith(expected, await AskAsync(SocketOf(app), request), StringComparison.Ordinal);

        await using var inProcess = await StartAsync(inProcess: true);
        var client = inProcess.GetTestClient();
        using var asked = new HttpRequestMessage(HttpMethod.Get, Roster);
        // The client puts its own where there is none.
        asked.Headers.Host = name.Length == 0 ? "nobody" : name;
        Assert.Equal(served ? 200 : 403, (int)(await client.SendAsync(asked, Cancellation)).StatusCode);
    }

    [Theory]
    // What a proxy that was told nothing sends to who is behind it; the name is its own for us.
    [InlineData("GET " + Roster + " HTTP/1.0\r\nHost: 127.0.0.1:5080\r\nConnection: close\r\n\r\n", 403)]
    [InlineData("GET " + Roster + " HTTP/1.0\r\n\r\n", 403)]
    [InlineData("GET http://rebound.example" + Roster + " HTTP/1.1\r\nHost: rebound.example\r\n\r\n", 403)]
    [InlineData("GET http://rebound.example" + Roster + " HTTP/1.1\r\nHost: localhost\r\n\r\n", 400)]
    [InlineData("GET http://localhost" + Roster + " HTTP/1.1\r\nHost: rebound.example\r\n\r\n", 400)]
    [InlineData("GET http://localhost" + Roster + " HTTP/1.1\r\nHost: localhost\r\n\r\n", 200)]
    [InlineData("GET " + Roster + " HTTP/1.1\r\nHost: localhost\r\nHost: rebound.example\r\n\r\n", 400)]
    [InlineData("GET " + Roster + " HTTP/1.1\r\n\r\n", 400)]
    public async Task Request_IsReadAsItWasMeant_GivenAnOddOne(string request, int status)
    {
        await using var app = await StartAsync();

        string answer = await AskAsync(EndPoint(new Uri(app.Urls.Single())), request);

        Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("X-Forwarded-For: 127.0.0.1", false)]
    [InlineData("X-Forwarded-Proto: https", false)]
    [InlineData("X-Custom-For: 127.0.0.1", true)]
    [InlineData("X-Custom-For: [::1]:4711", true)]
    public async Task Stranger_IsNotServed_GivenAMiddlewareThatTookTheSignsAway(string header, bool renamed)
    {
        var forwarded = new ForwardedHeadersOptions { ForwardedHeaders = ForwardedHeaders.All };
        forwarded.KnownProxies.Clear();
        forwarded.KnownIPNetworks.Clear();
        if (renamed)
            (forwarded.ForwardedForHeaderName, forwarded.OriginalForHeaderName) = ("X-Custom-For", "X-Custom-Before");
        await using var app = await StartAsync(listenOnSocket: true, before: app => app.UseForwardedHeaders(forwarded));
        var tcp = new Uri(app.Urls.Single(url => url.StartsWith("http://127.", StringComparison.Ordinal)));
        string request = $"GET {Roster} HTTP/1.1\r\nHost: localhost\r\n{header}\r\nConnection: close\r\n\r\n";

        Assert.StartsWith("HTTP/1.1 403 ", await AskAsync(EndPoint(tcp), request), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 403 ", await AskAsync(SocketOf(app), request), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stranger_IsNotServed_GivenSignsThatTheHostNamed()
    {
        await using var app = await StartAsync(services: services => services.Configure<ForwardedHeadersOptions>(
            options => options.ForwardedForHeaderName = "X-Custom-Caller"));
        string request = $"GET {Roster} HTTP/1.1\r\nHost: localhost\r\nX-Custom-Caller: a\r\nConnection: close\r\n\r\n";

        string answer = await AskAsync(EndPoint(new Uri(app.Urls.Single())), request);

        Assert.StartsWith("HTTP/1.1 403 ", answer, StringComparison.Ordinal);
    }

    private static async Task AssertGuardedAsync(int status, HttpClient client)
    {
        foreach (string path in Guarded)
        {
            var answer = await client.GetAsync(path, Cancellation);
            Assert.True(status == (int)answer.StatusCode, $"{path}: {answer.StatusCode}");
        }
    }

    private static async Task<WebApplication> StartAsync(
        bool listenOnSocket = false,
        bool inProcess = false,
        Action<IApplicationBuilder>? before = null,
        Action<IServiceCollection>? services = null)
    {
        var builder = WebApplication.CreateBuilder();
        if (inProcess)
            builder.WebHost.UseTestServer();
        else
            builder.WebHost.ConfigureKestrel(kestrel =>
            {
                kestrel.Listen(IPAddress.Loopback, 0);
                if (listenOnSocket)
                    kestrel.ListenUnixSocket(Path.Combine(Path.GetTempPath(), Path.GetRandomFileName() + ".sock"));
            });
        builder.Services.AddAetherRealtime(builder.Configuration);
        services?.Invoke(builder.Services);
        var app = builder.Build();
        before?.Invoke(app);
        app.MapAetherRealtime();
        await app.StartAsync(Cancellation);
        return app;
    }

    private static IPEndPoint EndPoint(Uri address) => new(IPAddress.Loopback, address.Port);

    private static UnixDomainSocketEndPoint SocketOf(WebApplication app) =>
        new(app.Urls.Single(url => url.Contains("unix:", StringComparison.Ordinal))["http://unix:".Length..]);

    private static async Task<string> AskAsync(EndPoint server, string request)
    {
        using var socket = new Socket(
            server.AddressFamily, SocketType.Stream, server is IPEndPoint ? ProtocolType.Tcp : ProtocolType.Unspecified);
        await socket.ConnectAsync(server, Cancellation);
        await socket.SendAsync(Encoding.ASCII.GetBytes(request), Cancellation);
        byte[] buffer = new byte[4_096];
        return Encoding.ASCII.GetString(buffer, 0, await socket.ReceiveAsync(buffer, Cancellation));
    }
}
