namespace Aether.Api.Access;

/// <summary>
/// The key as the password of Basic authentication, under any user name: all that a browser can send when it goes to a
/// page.
/// </summary>
internal static class BasicCredential
{
    private const string Scheme = "Basic ";

    /// <summary>Makes a browser ask for it.</summary>
    /// <param name="realm">What it is asked for.</param>
    public static string Challenge(string realm) => $"Basic realm=\"{realm}\", charset=\"UTF-8\"";

    /// <summary>Reads the password; <see langword="false"/>: there is not exactly one that can be read.</summary>
    public static bool TryRead(HttpRequest request, out byte[] password)
    {
        password = [];
        if (request.Headers.Authorization is not [{ } value]
            || !value.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
            return false;
        byte[] decoded = new byte[value.Length];
        if (!Convert.TryFromBase64String(value[Scheme.Length..].Trim(), decoded, out int length))
            return false;
        // The first colon ends the user name; the password may hold others.
        int colon = decoded.AsSpan(0, length).IndexOf((byte)':');
        if (colon < 0)
            return false;
        password = decoded[(colon + 1)..length];
        return true;
    }
}
