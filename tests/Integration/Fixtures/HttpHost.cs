using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Aether.Tests.Integration.Fixtures;

/// <summary>The server as it runs alone, mostly in memory, on Kestrel: WebSockets need a real connection.</summary>
internal sealed class HttpHost : WebApplicationFactory<Program>
{
    public const string Admin = "admin-key-0123456789";
    public const string AdminOfG1 = "admin-of-g1-0123456789";
    public const string Crossing = "crossing-key-0123456789";
    public const string CrossingG1 = "crossing-g1-0123456789";
    public const string Broadcasting = "broadcasting-0123456789";
    public const string Plain = "plain-key-0123456789";

    private readonly (string Name, string Value)[] settings;
    private readonly Action<HttpContextFields>? asSeen;
    private readonly Action<IServiceCollection>? replace;
    private readonly string environment;

    private HttpHost(
        (string, string)[] settings,
        Action<HttpContextFields>? asSeen,
        Action<IServiceCollection>? replace,
        string environment)
    {
        (this.settings, this.asSeen, this.replace, this.environment) = (settings, asSeen, replace, environment);
        UseKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        StartServer();
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>One that asks for no credential.</summary>
    public static HttpHost Open(
        Action<HttpContextFields>? asSeen = null,
        Action<IServiceCollection>? replace = null,
        string environment = "Development",
        params (string, string)[] settings) => new(settings, asSeen, replace, environment);

    /// <summary>One over Redis, as soon as it is ready.</summary>
    public static Task<HttpHost> OpenAsync(RedisServer redis) => OpenAsync(redis.ConnectionString);

    /// <summary>One over the Redis behind this connection string, as soon as it is ready.</summary>
    public static async Task<HttpHost> OpenAsync(string connectionString)
    {
        var host = Open(settings: ("ConnectionStrings:Redis", connectionString));
        using var client = host.CreateClient();
        await Eventually.HoldsAsync(async () =>
        {
            using var answer = await client.GetAsync(new Uri("/health/ready", UriKind.Relative), Cancellation);
            return answer.IsSuccessStatusCode;
        });
        return host;
    }

    /// <summary>One with a key for each permission.</summary>
    public static HttpHost WithKeys(
        Action<HttpContextFields>? asSeen = null, string environment = "Development") => new(
        [
            .. Key(0, Admin, "admin"),
            .. Key(1, AdminOfG1, "admin"), ("ApiKeys:1:Groups:0", "g1"),
            .. Key(2, Crossing, "cross_group"),
            .. Key(3, CrossingG1, "cross_group"), ("ApiKeys:3:Groups:0", "g1"),
            .. Key(4, Broadcasting, "broadcast"),
            .. Key(5, Plain),
        ],
        asSeen,
        replace: null,
        environment);

    /// <summary>A client that shows this key.</summary>
    public HttpClient CreateClient(string? key)
    {
        var client = CreateClient();
        if (key is not null)
            client.DefaultRequestHeaders.Add("X-Aether-API-Key", key);
        return client;
    }

    /// <summary>Connects a WebSocket.</summary>
    /// <remarks>
    /// The receive buffer is, if it is given, how many bytes the system takes for a client that does not read: by itself
    /// it may take many megabytes.
    /// </remarks>
    public async Task<ClientWebSocket> ConnectAsync(
        string group, string client, string query = "", string? key = null, string? subprotocol = null, int receiveBuffer = 0)
    {
        var socket = new ClientWebSocket();
        using var invoker = receiveBuffer == 0 ? null : Invoker(receiveBuffer);
        if (key is not null)
            socket.Options.SetRequestHeader("X-Aether-API-Key", key);
        if (subprotocol is not null)
            socket.Options.AddSubProtocol(subprotocol);
        var address = new UriBuilder(CreateClient().BaseAddress!)
        {
            Scheme = "ws",
            Path = $"/v3/ws/group/{group}/client/{client}",
            Query = query,
        };
        await socket.ConnectAsync(address.Uri, invoker, Cancellation);
        return socket;
    }

    private static HttpMessageInvoker Invoker(int receiveBuffer) => new(new SocketsHttpHandler
    {
        ConnectCallback = async (context, cancellation) =>
        {
            var tcp = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = receiveBuffer };
            await tcp.ConnectAsync(context.DnsEndPoint, cancellation);
            return new NetworkStream(tcp, ownsSocket: true);
        },
    });

    protected override void ConfigureWebHost(IWebHostBuilder builder)
    {
        builder.UseEnvironment(environment);
        foreach (var (name, value) in settings)
        {
            builder.UseSetting(
                name.StartsWith("ConnectionStrings:", StringComparison.Ordinal) ? name : "Aether:Realtime:" + name, value);
        }
        builder.ConfigureTestServices(services =>
        {
            if (asSeen is not null)
                services.AddSingleton<IStartupFilter>(new SeenAs(asSeen));
            replace?.Invoke(services);
        });
    }

    private static (string, string)[] Key(int index, string key, params string[] permissions) =>
    [
        ($"ApiKeys:{index}:Name", key[..^11]),
        ($"ApiKeys:{index}:Key", key),
        .. permissions.Select((permission, i) => ($"ApiKeys:{index}:Permissions:{i}", permission)),
    ];

    /// <summary>Shows the server another caller than the test is.</summary>
    private sealed class SeenAs(Action<HttpContextFields> change) : IStartupFilter
    {
        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.Use((context, rest) =>
            {
                change(new HttpContextFields(context));
                return rest(context);
            });
            next(app);
        };
    }
}

/// <summary>What a server can see of its caller.</summary>
internal sealed class HttpContextFields(Microsoft.AspNetCore.Http.HttpContext context)
{
    public IPAddress? Address
    {
        set => context.Connection.RemoteIpAddress = value;
    }
}

/// <summary>What tests say and hear over a WebSocket.</summary>
internal static class WebSocketFrames
{
    // For what hangs: who hears nothing fails, and does not hold up all others.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static Task SendAsync(this ClientWebSocket socket, string json) =>
        socket.SendAsync(Encoding.UTF8.GetBytes(json), WebSocketMessageType.Text, true, Cancellation);

    public static async Task<JsonNode> ReceiveAsync(this ClientWebSocket socket)
    {
        byte[] buffer = new byte[16_384];
        var received = await socket.ReceiveAsync(buffer, Cancellation).WaitAsync(Patience, Cancellation);
        Assert.Equal((WebSocketMessageType.Text, true), (received.MessageType, received.EndOfMessage));
        return JsonNode.Parse(buffer.AsSpan(0, received.Count))!;
    }

    /// <summary>The code that the server closes with, whatever comes before it.</summary>
    public static async Task<int?> ReceiveCloseAsync(this ClientWebSocket socket)
    {
        byte[] buffer = new byte[16_384];
        while ((await socket.ReceiveAsync(buffer, Cancellation).WaitAsync(Patience, Cancellation)).MessageType != WebSocketMessageType.Close)
        {
        }
        return (int?)socket.CloseStatus;
    }
}
