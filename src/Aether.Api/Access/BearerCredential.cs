using System.Text;

namespace Aether.Api.Access;

/// <summary>
/// What stands behind <c>Bearer</c>: a token, or the key of a scraper of metrics that keeps its credential in a file.
/// </summary>
internal static class BearerCredential
{
    private const string Scheme = "Bearer ";

    /// <summary>Whether there is one, or several, or one that is empty.</summary>
    public static bool IsShown(HttpRequest request)
    {
        foreach (string? value in request.Headers.Authorization)
        {
            // An empty one has lost the blank behind its name.
            var shown = (value + " ").AsSpan().TrimStart();
            if (shown.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
                return true;
        }
        return false;
    }

    /// <summary>Reads it; <see langword="false"/>: there is not exactly one.</summary>
    public static bool TryRead(HttpRequest request, out byte[] credential)
    {
        credential = [];
        if (request.Headers.Authorization is not [{ } value]
            || !value.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
            return false;
        credential = Encoding.UTF8.GetBytes(value[Scheme.Length..].Trim());
        return credential.Length > 0;
    }
}
