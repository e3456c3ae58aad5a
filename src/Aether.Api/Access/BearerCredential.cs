using System.Text;

namespace Aether.Api.Access;

/// <summary>The key as a Bearer token: what scrapers of metrics send that keep their credential in a file.</summary>
internal static class BearerCredential
{
    private const string Scheme = "Bearer ";

    /// <summary>Reads the token; <see langword="false"/>: there is not exactly one.</summary>
    public static bool TryRead(HttpRequest request, out byte[] token)
    {
        token = [];
        if (request.Headers.Authorization is not [{ } value]
            || !value.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
            return false;
        token = Encoding.UTF8.GetBytes(value[Scheme.Length..].Trim());
        return token.Length > 0;
    }
}
