using Microsoft.Extensions.Primitives;

namespace Aether.Api.Access;

/// <summary>
/// Lets pages of any origin read an answer. That gives nothing away: no answer here depends on cookies or on where the
/// page comes from in the network. A host whose own CORS middleware says something about the request is left the word.
/// </summary>
internal static class CrossOrigin
{
    private const string Preflight = "Access-Control-Request-Method";

    /// <summary>Lets pages read the answer.</summary>
    public static void AllowReading(HttpResponse response) =>
        SetIfAbsent(response, "Access-Control-Allow-Origin", "*");

    /// <summary>Lets pages read why they were refused, and when to ask again.</summary>
    public static void AllowReadingRefusal(HttpResponse response)
    {
        AllowReading(response);
        SetIfAbsent(response, "Access-Control-Expose-Headers", "Retry-After");
    }

    /// <summary>Whether a browser asks what a page may ask.</summary>
    public static bool IsPreflight(HttpRequest request) =>
        HttpMethods.IsOptions(request.Method) && request.Headers.ContainsKey(Preflight);

    /// <summary>Answers it: a page may ask with a key.</summary>
    public static void AnswerPreflight(HttpResponse response)
    {
        response.StatusCode = StatusCodes.Status204NoContent;
        SetIfAbsent(response, "Access-Control-Allow-Methods", "GET");
        SetIfAbsent(response, "Access-Control-Allow-Headers", ShownCredential.KeyHeader + ", Authorization");
        SetIfAbsent(response, "Access-Control-Max-Age", "600");
    }

    private static void SetIfAbsent(HttpResponse response, string name, StringValues value) =>
        response.Headers.TryAdd(name, value);
}
