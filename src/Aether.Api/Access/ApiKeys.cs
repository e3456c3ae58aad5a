using System.Security.Cryptography;
using System.Text;
using Aether.Api.Configuration;
using Aether.Application;
using Aether.Domain;

namespace Aether.Api.Access;

/// <summary>What a credential grants.</summary>
/// <param name="Credential">Tells it from others, without being it; empty when none was asked for.</param>
/// <param name="Access">What it grants.</param>
internal sealed record Grant(string Credential, Domain.Access Access)
{
    /// <summary>Stands for the credential of a user whom the host let in; no change of keys takes it away.</summary>
    public const string OfHost = "host";

    /// <summary>The only role that may be taken; <see langword="null"/>: any.</summary>
    public Role? Role { get; init; }
}

/// <summary>
/// Finds the API key that a request shows. Keys are kept and compared as hashes, every one of them each time, so that
/// the time it takes says nothing about them.
/// </summary>
internal sealed class ApiKeys : IDisposable
{
    /// <summary>The header of programs.</summary>
    public const string HeaderName = "X-Aether-API-Key";

    /// <summary>The subprotocol entry of browsers, which cannot set headers; base64url of the key follows.</summary>
    public const string ProtocolPrefix = "aether.auth.";

    /// <summary>What a key is told that is right, and grants nothing here.</summary>
    public const string NotForThisGroup = "this API key is not good for this group";

    private readonly LiveOptions options;
    private volatile Table table;

    public ApiKeys(LiveOptions options)
    {
        this.options = options;
        table = new Table(options.Current);
        options.Changed += OnChanged;
    }

    /// <summary>Raised when the keys were changed while the instance runs.</summary>
    public event Action? Changed;

    /// <summary>Whether a credential is asked for.</summary>
    public bool Required => table.Keys.Length > 0;

    /// <summary>
    /// What a request may do; <see langword="null"/>: nothing, its credential is missing, wrong or given twice.
    /// </summary>
    /// <param name="request">The request.</param>
    /// <param name="basic">Whether the key may also be the password of Basic authentication.</param>
    /// <param name="bearer">Whether it may also be a Bearer token.</param>
    public Grant? Find(HttpRequest request, bool basic = false, bool bearer = false)
    {
        var keys = table;
        if (keys.Keys.Length == 0)
            return keys.Anonymous;
        return TryReadCredential(request, basic, bearer, out byte[] key) ? keys.Find(key) : null;
    }

    /// <summary>Whether a request shows something in a place that only API keys have.</summary>
    public static bool IsShown(HttpRequest request) =>
        request.Headers.ContainsKey(HeaderName)
        || Subprotocols.Of(request).Any(protocol => protocol.StartsWith(ProtocolPrefix, StringComparison.Ordinal));

    /// <summary>Whether a credential that was good once still is, for this group.</summary>
    public bool StillGrants(string credential, VisionId group) => AccessNow(credential)?.Covers(group) ?? false;

    /// <summary>Whether it still grants all that a client in this group was granted, or more.</summary>
    public bool StillGrants(string credential, VisionId group, Domain.Access granted) =>
        AccessNow(credential) is { } now
        && now.Covers(group)
        && now.Has(granted.Permissions)
        && (!ReachesOthers(granted) || now.Groups is null || granted.Groups?.All(now.Covers) == true);

    public void Dispose() => options.Changed -= OnChanged;

    private void OnChanged()
    {
        table = new Table(options.Current);
        Changed?.Invoke();
    }

    // Whoever can do nothing in other groups loses nothing with them.
    private static bool ReachesOthers(Domain.Access access) =>
        (access.Permissions & (Permissions.CrossGroup | Permissions.Admin)) != Permissions.None;

    private Domain.Access? AccessNow(string credential)
    {
        if (credential == Grant.OfHost)
            return Domain.Access.Full;
        var keys = table;
        var grant = keys.Keys.Length == 0
            ? keys.Anonymous
            : Array.Find(keys.Keys, key => key.Grant.Credential == credential)?.Grant;
        return grant?.Credential == credential ? grant.Access : null;
    }

    private static bool TryReadCredential(HttpRequest request, bool basic, bool bearer, out byte[] key)
    {
        key = [];
        int found = 0;
        foreach (string? value in request.Headers[HeaderName])
        {
            key = Encoding.UTF8.GetBytes(value ?? "");
            found++;
        }
        foreach (string protocol in Subprotocols.Of(request))
        {
            if (!protocol.StartsWith(ProtocolPrefix, StringComparison.Ordinal))
                continue;
            found++;
            if (!TryDecode(protocol.AsSpan(ProtocolPrefix.Length), out key))
                return false;
        }
        if ((basic || bearer) && request.Headers.Authorization.Count > 0)
        {
            found++;
            if (!(basic && BasicCredential.TryRead(request, out key))
                && !(bearer && BearerCredential.TryRead(request, out key)))
                return false;
        }
        return found == 1 && key.Length > 0;
    }

    private static bool TryDecode(ReadOnlySpan<char> base64Url, out byte[] key)
    {
        key = [];
        if (!System.Buffers.Text.Base64Url.IsValid(base64Url))
            return false;
        key = System.Buffers.Text.Base64Url.DecodeFromChars(base64Url);
        return true;
    }

    private sealed record Key(byte[] Hash, Grant Grant);

    private sealed class Table(RealtimeOptions options)
    {
        public Key[] Keys { get; } = [.. options.ApiKeys.Select(ToKey)];

        public Grant Anonymous { get; } =
            new("", new Domain.Access(PermissionNames.Parse(options.AnonymousPermissions ?? ["broadcast"])));

        public Grant? Find(byte[] key)
        {
            Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
            SHA256.HashData(key, hash);
            Grant? found = null;
            foreach (var candidate in Keys)
            {
                if (CryptographicOperations.FixedTimeEquals(hash, candidate.Hash))
                    found = candidate.Grant;
            }
            return found;
        }

        private static Key ToKey(ApiKeyOptions key)
        {
            bool everywhere = key.Groups is null || key.Groups.Contains("*");
            var access = new Domain.Access(
                PermissionNames.Parse(key.Permissions), everywhere ? null : key.Groups!.Select(VisionId.Parse));
            byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes(key.Key));
            // By the key and not by its name: a key that was replaced under the same name is revoked.
            return new Key(hash, new Grant(Convert.ToHexString(hash), access));
        }
    }
}
