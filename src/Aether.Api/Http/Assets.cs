using System.Security.Cryptography;
using Aether.Api.Access;
using Microsoft.Net.Http.Headers;

namespace Aether.Api.Http;

/// <summary>
/// What browsers load from here: the client module and the console's files, which are built in. A name is looked up
/// among those that there are and never becomes a path.
/// </summary>
internal sealed class Assets
{
    public const string ClientModule = "aether.js";
    public const string ConsolePage = ConsoleFolder + "index.html";
    public const string ConsoleFolder = "console/";

    private readonly Dictionary<string, Asset> all = new(StringComparer.Ordinal);

    public Assets()
    {
        foreach (string name in typeof(Assets).Assembly.GetManifestResourceNames())
        {
            if (name == ClientModule || name.StartsWith(ConsoleFolder, StringComparison.Ordinal))
                all[name] = new Asset(Documents.Read(name), ContentTypeOf(name));
        }
    }

    /// <summary>Answers <c>GET</c> and <c>HEAD</c> with a file; 404 if there is none of that name.</summary>
    public Task WriteAsync(HttpContext context, string name)
    {
        var headers = context.Response.Headers;
        headers.XContentTypeOptions = "nosniff";
        if (!all.TryGetValue(name, out var asset))
            return Problems.WriteAsync(context, StatusCodes.Status404NotFound, "Not found", "there is no such file");
        // Asked for each time, and mostly answered with 304: after a deploy nobody runs yesterday's files.
        headers.CacheControl = "no-cache";
        return Results.Bytes(asset.Bytes, asset.ContentType, entityTag: asset.Tag).ExecuteAsync(context);
    }

    /// <summary>Answers with the client module, which pages of any origin may import.</summary>
    public Task WriteClientModuleAsync(HttpContext context)
    {
        CrossOrigin.AllowReading(context.Response);
        context.Response.Headers["Cross-Origin-Resource-Policy"] = "cross-origin";
        return WriteAsync(context, ClientModule);
    }

    private static string ContentTypeOf(string name) => Path.GetExtension(name) switch
    {
        ".js" => "text/javascript; charset=utf-8",
        ".css" => "text/css; charset=utf-8",
        ".svg" => "image/svg+xml",
        _ => "text/html; charset=utf-8",
    };

    private sealed class Asset(byte[] bytes, string contentType)
    {
        public byte[] Bytes { get; } = bytes;

        public string ContentType { get; } = contentType;

        public EntityTagHeaderValue Tag { get; } =
            new('"' + Convert.ToHexStringLower(SHA256.HashData(bytes).AsSpan(0, 16)) + '"');
    }
}
