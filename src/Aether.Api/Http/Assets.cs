using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Aether.Api.Access;
using Microsoft.Net.Http.Headers;

namespace Aether.Api.Http;

/// <summary>
/// What browsers load from here: the client module and the console's files, which are built in. A name is looked up
/// among those that there are and never becomes a path.
/// </summary>
internal sealed partial class Assets
{
    public const string ClientModule = "aether.js";
    public const string ClientMap = "aether.js.map";
    public const string ConsolePage = ConsoleFolder + "index.html";
    public const string ConsoleFolder = "console/";

    // A year: the longest that caches honour.
    private const string ForEver = "max-age=31536000, immutable";

    private readonly Dictionary<string, Asset> all = new(StringComparer.Ordinal);

    public Assets()
    {
        var names = typeof(Assets).Assembly.GetManifestResourceNames().Where(IsAsset).Order(StringComparer.Ordinal);
        var hashes = new StringBuilder();
        foreach (string name in names)
        {
            all[name] = new Asset(Documents.Read(name), ContentTypeOf(name));
            hashes.Append(all[name].Hash);
        }
        Version = Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(hashes.ToString())).AsSpan(0, 8));
        all[ConsolePage] = new Asset(
            Encoding.UTF8.GetBytes(Link().Replace(
                Encoding.UTF8.GetString(Documents.Read(ConsolePage)), $"${{1}}{Version}/{ConsoleFolder}")),
            ContentTypeOf(ConsolePage));
    }

    /// <summary>What these files are, all together; below an address with it they never change.</summary>
    public string Version { get; }

    /// <summary>Answers <c>GET</c> and <c>HEAD</c> with a file; 404 if there is none of that name.</summary>
    /// <param name="context">The request. Its route may name a version.</param>
    /// <param name="name">The file.</param>
    /// <param name="shared">Whether caches that many share may keep it.</param>
    public Task WriteAsync(HttpContext context, string name, bool shared = false)
    {
        var headers = context.Response.Headers;
        headers.XContentTypeOptions = "nosniff";
        if (!all.TryGetValue(name, out var asset))
            return Problems.WriteAsync(context, StatusCodes.Status404NotFound, "Not found", "there is no such file");
        // Asked for each time, and mostly answered with 304: after a deploy nobody runs yesterday's files.
        headers.CacheControl = "no-cache";
        if (context.GetRouteValue("version") is string version)
        {
            // Another instance's: the page that wants it gets what there is, and keeps nothing of it.
            if (version != Version)
                return Results.Redirect((name.Contains('/') ? "../../" : "../") + name).ExecuteAsync(context);
            headers.CacheControl = (shared ? "public, " : "private, ") + ForEver;
        }
        else if (shared)
        {
            // Where the same is to be had for ever.
            headers.ContentLocation = $"{Version}/{name}";
        }
        headers.Append(HeaderNames.Vary, HeaderNames.AcceptEncoding);
        var sent = asset.For(context.Request.Headers.AcceptEncoding);
        if (sent.Encoding is not null)
            headers.ContentEncoding = sent.Encoding;
        return Results.Bytes(sent.Bytes, asset.ContentType, entityTag: sent.Tag).ExecuteAsync(context);
    }

    /// <summary>Answers with the client module, which pages of any origin may import.</summary>
    public Task WriteClientModuleAsync(HttpContext context) => WriteToAnybodyAsync(context, ClientModule);

    /// <summary>Answers with the client module's source map.</summary>
    public Task WriteClientMapAsync(HttpContext context) => WriteToAnybodyAsync(context, ClientMap);

    private Task WriteToAnybodyAsync(HttpContext context, string name)
    {
        CrossOrigin.AllowReading(context.Response);
        context.Response.Headers["Cross-Origin-Resource-Policy"] = "cross-origin";
        return WriteAsync(context, name, shared: true);
    }

    private static bool IsAsset(string name) =>
        name is ClientModule or ClientMap || name.StartsWith(ConsoleFolder, StringComparison.Ordinal);

    // The page's own links to its files; what these import is relative, and has the version by itself.
    [GeneratedRegex("((?:src|href)=\")console/")]
    private static partial Regex Link();

    private static string ContentTypeOf(string name) => Path.GetExtension(name) switch
    {
        ".js" => "text/javascript; charset=utf-8",
        ".css" => "text/css; charset=utf-8",
        ".map" => "application/json",
        ".svg" => "image/svg+xml",
        _ => "text/html; charset=utf-8",
    };
}
