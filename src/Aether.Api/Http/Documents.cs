using Microsoft.AspNetCore.OpenApi;
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

    public async Task WriteOpenApiAsync(HttpContext context) =>
        await Results.Bytes(await openApiJson.Value.ConfigureAwait(false), "application/json")
            .ExecuteAsync(context).ConfigureAwait(false);

    public static Task WriteAsyncApiAsync(HttpContext context) =>
        Results.Bytes(Read("asyncapi.json"), "application/json").ExecuteAsync(context);

    // Beside asyncapi.json, whose references are relative.
    public static Task WriteMessageSchemaAsync(HttpContext context) =>
        Results.Bytes(Read("message.schema.json"), "application/schema+json").ExecuteAsync(context);

    /// <summary>Reads one of the files of <c>docs/</c> that are built in.</summary>
    public static byte[] Read(string name)
    {
        using var resource = typeof(Documents).Assembly.GetManifestResourceStream(name)!;
        byte[] bytes = new byte[resource.Length];
        resource.ReadExactly(bytes);
        return bytes;
    }
}
