using System.Text;

namespace Aether.Api.Access;

/// <summary>The one credential that a request shows.</summary>
/// <param name="Value">It, as bytes.</param>
/// <param name="MayBeKey">Whether it stands where API keys do.</param>
/// <param name="MayBeToken">Whether it stands where tokens do.</param>
internal readonly record struct ShownCredential(byte[] Value, bool MayBeKey, bool MayBeToken)
{
    /// <summary>The header of programs that have a key.</summary>
    public const string KeyHeader = "X-Aether-API-Key";

    /// <summary>The subprotocol entry of browsers, which cannot set headers; base64url of key or token follows.</summary>
    public const string ProtocolPrefix = "aether.auth.";

    /// <summary>Reads it.</summary>
    /// <param name="request">The request.</param>
    /// <param name="tokens">Whether there are tokens, as which a Bearer credential is read.</param>
    /// <param name="basic">Whether the key may also be the password of Basic authentication.</param>
    /// <param name="bearer">Whether a Bearer credential may also be a key.</param>
    /// <param name="shown">It.</param>
    /// <returns><see langword="false"/>: there is not exactly one that can be read.</returns>
    public static bool TryRead(HttpRequest request, bool tokens, bool basic, bool bearer, out ShownCredential shown)
    {
        shown = default;
        int found = 0;
        foreach (string? value in request.Headers[KeyHeader])
        {
            shown = new(Encoding.UTF8.GetBytes(value ?? ""), MayBeKey: true, MayBeToken: false);
            found++;
        }
        foreach (string protocol in Subprotocols.Of(request))
        {
            if (!protocol.StartsWith(ProtocolPrefix, StringComparison.Ordinal))
                continue;
            found++;
            if (!TryDecode(protocol.AsSpan(ProtocolPrefix.Length), out byte[] value))
                return false;
            shown = new(value, MayBeKey: true, MayBeToken: true);
        }
        // A proxy, or a host's own pages, may have something else there, which is nothing to us.
        if (basic || bearer ? request.Headers.Authorization.Count > 0 : tokens && BearerCredential.IsShown(request))
        {
            found++;
            if (basic && BasicCredential.TryRead(request, out byte[] password))
                shown = new(password, MayBeKey: true, MayBeToken: false);
            else if ((bearer || tokens) && BearerCredential.TryRead(request, out byte[] token))
                shown = new(token, MayBeKey: bearer, MayBeToken: true);
            else
                return false;
        }
        return found == 1 && shown.Value.Length > 0;
    }

    /// <summary>Whether a request shows something in a place that only credentials of ours have.</summary>
    public static bool IsIn(HttpRequest request) =>
        request.Headers.ContainsKey(KeyHeader)
        || Subprotocols.Of(request).Any(protocol => protocol.StartsWith(ProtocolPrefix, StringComparison.Ordinal));

    private static bool TryDecode(ReadOnlySpan<char> base64Url, out byte[] value)
    {
        value = [];
        if (!System.Buffers.Text.Base64Url.IsValid(base64Url))
            return false;
        value = System.Buffers.Text.Base64Url.DecodeFromChars(base64Url);
        return true;
    }
}
