using System.Text.Json;
using Aether.Application;
using Aether.Application.Wire;
using Aether.Domain;
using Aether.Domain.Tokens;

namespace Aether.Infrastructure.Tokens;

/// <summary>
/// Reads what a token says of its user. What is there and cannot be understood makes the token no good: passed over, it
/// would grant what was not meant.
/// </summary>
internal static class TokenClaims
{
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    // 1 January 10000, the first moment that no clock here can show.
    private const double EndOfTime = 253_402_300_800;

    /// <summary>Reads them.</summary>
    /// <param name="payload">The payload of a token, as JSON.</param>
    /// <param name="signer">Who signed it, as <see cref="Token.Signer"/>.</param>
    /// <returns><see langword="null"/>: a claim is missing, or is not what it has to be.</returns>
    public static Token? Read(ReadOnlyMemory<byte> payload, string signer)
    {
        try
        {
            using var document = JsonDocument.Parse(payload, Strict);
            return Read(document.RootElement, signer);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // The second for half of a character, which is no text.
            return null;
        }
    }

    private static Token? Read(JsonElement claims, string signer)
    {
        if (claims.ValueKind != JsonValueKind.Object
            || !VisionId.TryParse(TextOf(claims, "sub"), out var subject)
            || !TryReadTime(claims, "exp", out var expires) || expires is not { } end
            || !TryReadTime(claims, "iat", out var issued)
            || !TryReadId(claims, out string? id)
            || !TryReadRole(claims, out var role)
            || ReadTexts(claims, "groups") is not { } groups
            || ReadTexts(claims, "permissions") is not { } permissions)
            return null;
        bool everywhere = groups.Contains("*");
        var reached = new List<VisionId>();
        foreach (string group in groups)
        {
            if (VisionId.TryParse(group, out var one))
                reached.Add(one);
            else if (group != "*")
                return null;
        }
        // An issuer may know permissions of other services as well; they are nothing here.
        var access = new Access(PermissionNames.Parse(permissions), everywhere ? null : reached);
        return new Token(subject, id, issued, end, access, role, signer);
    }

    private static string? TextOf(JsonElement claims, string name) =>
        claims.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    // A list, or one text: what many libraries make of a list of one.
    private static List<string>? ReadTexts(JsonElement claims, string name)
    {
        if (!claims.TryGetProperty(name, out var value))
            return null;
        if (value.ValueKind == JsonValueKind.String)
            return [value.GetString()!];
        if (value.ValueKind != JsonValueKind.Array)
            return null;
        var texts = new List<string>();
        foreach (var one in value.EnumerateArray())
        {
            if (one.ValueKind != JsonValueKind.String)
                return null;
            texts.Add(one.GetString()!);
        }
        return texts;
    }

    private static bool TryReadTime(JsonElement claims, string name, out DateTime? time)
    {
        time = null;
        if (!claims.TryGetProperty(name, out var value))
            return true;
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetDouble(out double seconds)
            || !(seconds >= 0 && seconds < EndOfTime))
            return false;
        time = DateTime.UnixEpoch.AddSeconds(seconds);
        return true;
    }

    private static bool TryReadId(JsonElement claims, out string? id)
    {
        id = TextOf(claims, "jti");
        // One that nobody could revoke is not taken for one without.
        return claims.TryGetProperty("jti", out _) ? Revocation.IsTokenId(id) : true;
    }

    private static bool TryReadRole(JsonElement claims, out Role? role)
    {
        role = null;
        if (!claims.TryGetProperty("role", out _))
            return true;
        if (!WireNames.Roles.TryFind(TextOf(claims, "role"), out var found))
            return false;
        role = found;
        return true;
    }
}
