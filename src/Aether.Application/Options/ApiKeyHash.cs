using System.Security.Cryptography;
using System.Text;

namespace Aether.Application;

/// <summary>The SHA-256 of an API key: all that is kept of it.</summary>
internal static class ApiKeyHash
{
    /// <summary>Whether a text is one, as the configuration has it.</summary>
    public static bool Is(string text) => text.Length == 2 * SHA256.HashSizeInBytes && text.All(char.IsAsciiHexDigit);

    /// <summary>That of a key, which the configuration may have instead of the key. In capitals.</summary>
    public static string Of(ApiKeyOptions key) => key.KeySha256.Length > 0
        ? key.KeySha256.ToUpperInvariant()
        : Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(key.Key)));
}
