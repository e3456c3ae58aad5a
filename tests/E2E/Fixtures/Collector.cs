using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace Aether.Tests.E2E;

/// <summary>A collector that takes OTLP over HTTP or gRPC, and keeps what comes as it comes.</summary>
public sealed class Collector : IAsyncDisposable
{
    private readonly WebApplication app;

    private Collector(WebApplication app) => this.app = app;

    /// <summary>What has come: the path, and the bytes. Texts stand in protobuf as they are.</summary>
    public ConcurrentQueue<(string Path, string Body)> Exports { get; } = new();

    /// <summary>Where it listens.</summary>
    public Uri Address => new(app.Urls.Single());

    /// <summary>Starts one.</summary>
    /// <param name="grpc">Whether it speaks gRPC, else protobuf over HTTP/1.1.</param>
    public static async Task<Collector> StartAsync(bool grpc)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(options => options.Listen(
            IPAddress.Loopback, 0, listen => listen.Protocols = grpc ? HttpProtocols.Http2 : HttpProtocols.Http1));
        var collector = new Collector(builder.Build());
        collector.app.Run(context => collector.TakeAsync(context, grpc));
        await collector.app.StartAsync();
        return collector;
    }

    /// <summary>Whether something that went to a path holds a text.</summary>
    public bool Has(string path, string text) => Exports.Any(
        one => one.Path.Contains(path, StringComparison.OrdinalIgnoreCase) && one.Body.Contains(text, StringComparison.Ordinal));

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => app.DisposeAsync();

    private async Task TakeAsync(HttpContext context, bool grpc)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        Exports.Enqueue((context.Request.Path, Encoding.UTF8.GetString(body.ToArray())));
        if (!grpc)
            return;
        // An empty answer: not compressed, no bytes.
        context.Response.ContentType = "application/grpc";
        context.Response.DeclareTrailer("grpc-status");
        await context.Response.Body.WriteAsync(new byte[5]);
        context.Response.AppendTrailer("grpc-status", "0");
    }
}
