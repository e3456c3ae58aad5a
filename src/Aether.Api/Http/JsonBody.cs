using System.Buffers;
using Microsoft.Net.Http.Headers;

namespace Aether.Api.Http;

/// <summary>What a body has to be that is read here: JSON in UTF-8, as it is.</summary>
internal static class JsonBody
{
    /// <summary>Refuses what says that it is something else.</summary>
    public static IResult? Refuse(HttpContext context)
    {
        var (request, response) = (context.Request, context.Response);
        if (!IsJson(request.ContentType))
        {
            response.Headers["Accept-Post"] = "application/json";
            return Unsupported("a message is application/json in UTF-8");
        }
        if (IsEncoded(request))
        {
            // Of messages this small little would be saved, and a small body that becomes a large one has to be kept out.
            response.Headers.AcceptEncoding = "identity";
            return Unsupported("a message is sent as it is, without Content-Encoding");
        }
        return null;
    }

    /// <summary>Reads a body.</summary>
    /// <returns><see langword="null"/> when there is more than may be.</returns>
    public static async Task<ReadOnlyMemory<byte>?> ReadAsync(
        HttpRequest request, int maxBytes, CancellationToken cancellationToken)
    {
        if (request.ContentLength > maxBytes)
            return null;
        // One more than is announced: the read that finds the end then needs no larger buffer.
        var body = new ArrayBufferWriter<byte>((int)(request.ContentLength ?? 1_023) + 1);
        while (true)
        {
            int read = await request.Body.ReadAsync(body.GetMemory(), cancellationToken).ConfigureAwait(false);
            if (read == 0)
                return body.WrittenMemory;
            body.Advance(read);
            if (body.WrittenCount > maxBytes)
                return null;
        }
    }

    /// <summary>There is more than may be.</summary>
    public static IResult TooLarge(int maxBytes) => Problems.Of(
        StatusCodes.Status413PayloadTooLarge, "Too large", $"message: must be at most {maxBytes} bytes", "message");

    private static IResult Unsupported(string detail) =>
        Problems.Of(StatusCodes.Status415UnsupportedMediaType, "Unsupported media type", detail);

    private static bool IsJson(string? contentType) =>
        MediaTypeHeaderValue.TryParse(contentType, out var type)
        && type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
        // A parameter means the same in quotes as without.
        && type.Parameters
            .Where(parameter => parameter.Name.Equals("charset", StringComparison.OrdinalIgnoreCase))
            .All(parameter => HeaderUtilities.RemoveQuotes(parameter.Value)
                .Equals("utf-8", StringComparison.OrdinalIgnoreCase));

    private static bool IsEncoded(HttpRequest request) => request.Headers.ContentEncoding
        .SelectMany(value => (value ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        .Any(coding => !coding.Equals("identity", StringComparison.OrdinalIgnoreCase));
}
