using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.Net.Http.Headers;
using Microsoft.OpenApi;

namespace Aether.Api.Http;

/// <summary>The descriptions of the API for programs. They are the same for everybody, and made once.</summary>
internal sealed class Documents([FromKeyedServices(OpenApiDescription.DocumentName)] IOpenApiDocumentProvider openApi)
{
    private readonly Lazy<Task<byte[]>> openApiJson = new(async () =>
    {
        var document = await openApi.GetOpenApiDocumentAsync().ConfigureAwait(false);
        using var json = new MemoryStream();
        await document.SerializeAsJsonAsync(json, OpenApiSpecVersion.OpenApi3_1).ConfigureAwait(false);
        return json.ToArray();
    });

    public async Task WriteOpenApiAsync(HttpContext context)
    {
        byte[] json = await openApiJson.Value.ConfigureAwait(false);
        if (PrefixOf(context.Request, segments: 2) is { Length: > 0 } prefix)
            json = WithServers(json, new JsonArray(new JsonObject { ["url"] = prefix }));
        await WriteAsync(context, json, "application/json").ConfigureAwait(false);
    }

    public static Task WriteAsyncApiAsync(HttpContext context)
    {
        var request = context.Request;
        byte[] json = Read("asyncapi.json");
        if (PrefixOf(request, segments: 1) is { Length: > 0 } prefix)
        {
            json = WithServers(json, new JsonObject
            {
                ["here"] = new JsonObject
                {
                    ["host"] = request.Host.ToUriComponent(),
                    ["pathname"] = prefix,
                    ["protocol"] = request.IsHttps ? "wss" : "ws",
                },
            });
        }
        return WriteAsync(context, json, "application/json");
    }

    // Beside asyncapi.json, whose references are relative.
    public static Task WriteMessageSchemaAsync(HttpContext context) =>
        WriteAsync(context, Read("message.schema.json"), "application/schema+json");

    /// <summary>What stands in front of the last segments of a path, without a slash at its end.</summary>
    public static string Prefix(string? path, int segments)
    {
        string prefix = (path ?? "").TrimEnd('/');
        for (int i = 0; i < segments; i++)
            prefix = prefix[..Math.Max(0, prefix.LastIndexOf('/'))];
        return prefix;
    }

    /// <summary>Reads one of the files of <c>docs/</c> that are built in.</summary>
    public static byte[] Read(string name)
    {
        using var resource = typeof(Documents).Assembly.GetManifestResourceStream(name)!;
        byte[] bytes = new byte[resource.Length];
        resource.ReadExactly(bytes);
        return bytes;
    }

    // With a tag of what it is: whoever has the same is told so instead of being sent it again.
    private static Task WriteAsync(HttpContext context, byte[] bytes, string contentType)
    {
        context.Response.Headers.CacheControl = "no-cache";
        string hash = Convert.ToHexStringLower(SHA256.HashData(bytes).AsSpan(0, 16));
        return Results.Bytes(bytes, contentType, entityTag: new EntityTagHeaderValue($"\"{hash}\"")).ExecuteAsync(context);
    }

    // Where all of ours is, as the caller sees it: behind the host's path base and the prefix of a route group.
    private static string PrefixOf(HttpRequest request, int segments) =>
        Prefix(request.PathBase.Add(request.Path).ToUriComponent(), segments);

    private static byte[] WithServers(byte[] json, JsonNode servers)
    {
        var document = JsonNode.Parse(json)!;
        document["servers"] = servers;
        return JsonSerializer.SerializeToUtf8Bytes(document);
    }
}
