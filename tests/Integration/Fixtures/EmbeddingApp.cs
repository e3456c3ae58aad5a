using System.Net.WebSockets;
using Aether.Application;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Aether.Tests.Integration.Fixtures;

/// <summary>A host of its own making that embeds the real-time layer, on a free port of this machine.</summary>
internal sealed class EmbeddingApp : IAsyncDisposable
{
    public const string Key = "embedding-key-0123456789";

    private readonly WebApplication app;

    private EmbeddingApp(WebApplication app) => this.app = app;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public IServiceProvider Services => app.Services;

    /// <summary>Where it listens, with a slash at the end.</summary>
    public Uri Address => new(app.Urls.Single() + "/");

    /// <summary>A message to group g1.</summary>
    public static string Message(string text, string from = "c1", string? id = null) =>
        $$"""
        {"msg_type":"msg","target":"group","from_id":"{{from}}","group_id":"g1","msg":"{{text}}","payload":{},
        "sent_at":"2026-01-01T00:00:00Z"{{(id is null ? "" : $",\"id\":\"{id}\"")}}}
        """;

    /// <summary>Starts one with one key, which may do everything.</summary>
    /// <param name="services">What the host adds before it adds the layer; it may add the layer itself.</param>
    /// <param name="pipeline">The host's middleware and endpoints; it maps the layer itself.</param>
    /// <param name="options">Options of the layer.</param>
    public static Task<EmbeddingApp> WithKeyAsync(
        Action<WebApplicationBuilder>? services = null,
        Action<WebApplication>? pipeline = null,
        Action<RealtimeOptions>? options = null) => StartAsync(
        services,
        pipeline,
        realtime =>
        {
            realtime.ApiKeys.Add(new ApiKeyOptions { Name = "all", Key = Key, Permissions = { "admin", "broadcast" } });
            options?.Invoke(realtime);
        });

    /// <summary>Starts one that asks for no key.</summary>
    public static async Task<EmbeddingApp> StartAsync(
        Action<WebApplicationBuilder>? services = null,
        Action<WebApplication>? pipeline = null,
        Action<RealtimeOptions>? options = null)
    {
        // Not where the settings of the server that runs alone lie.
        var builder = WebApplication.CreateBuilder(
            new WebApplicationOptions { ContentRootPath = Path.GetTempPath() });
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        services?.Invoke(builder);
        builder.Services.AddAetherRealtime(builder.Configuration, options);
        var app = builder.Build();
        try
        {
            if (pipeline is null)
                app.MapAetherRealtime();
            else
                pipeline(app);
            await app.StartAsync(Cancellation);
            return new EmbeddingApp(app);
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }
    }

    /// <summary>A caller of this machine.</summary>
    public HttpClient CreateClient(string? key = null)
    {
        var client = new HttpClient { BaseAddress = Address };
        if (key is not null)
            client.DefaultRequestHeaders.Add("X-Aether-API-Key", key);
        return client;
    }

    /// <summary>Connects a WebSocket.</summary>
    /// <param name="prefix">What stands in front of the layer's own path, as <c>rt/</c>.</param>
    /// <param name="key">The key that it shows.</param>
    /// <param name="client">Who connects.</param>
    /// <param name="headers">What else it says.</param>
    public async Task<ClientWebSocket> ConnectAsync(
        string prefix = "", string? key = null, string client = "c1", params (string Name, string Value)[] headers)
    {
        var socket = new ClientWebSocket();
        if (key is not null)
            socket.Options.SetRequestHeader("X-Aether-API-Key", key);
        foreach (var (name, value) in headers)
            socket.Options.SetRequestHeader(name, value);
        try
        {
            var address = new UriBuilder(new Uri(Address, $"{prefix}v3/ws/group/g1/client/{client}")) { Scheme = "ws" };
            await socket.ConnectAsync(address.Uri, Cancellation);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Stops it as its user would.</summary>
    public Task StopAsync() => app.StopAsync(Cancellation);

    public async ValueTask DisposeAsync() => await app.DisposeAsync();
}
