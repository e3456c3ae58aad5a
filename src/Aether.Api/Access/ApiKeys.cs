using System.Security.Cryptography;
using Aether.Application;
using Aether.Domain;

namespace Aether.Api.Access;

/// <summary>
/// The API keys of one state of the options. They are kept and compared as hashes, every one of them each time, so that
/// the time it takes says nothing about them.
/// </summary>
internal sealed class ApiKeys(IEnumerable<ApiKeyOptions> options)
{
    private readonly Key[] keys = [.. options.Select(ToKey)];

    /// <summary>What a key grants; <see langword="null"/>: it is none.</summary>
    public Grant? Find(byte[] key)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(key, hash);
        Grant? found = null;
        foreach (var candidate in keys)
        {
            if (CryptographicOperations.FixedTimeEquals(hash, candidate.Hash))
                found = candidate.Grant;
        }
        return found;
    }

    /// <summary>What a key grants now that was good before; <see langword="null"/>: it is none any more.</summary>
    /// <param name="credential">What tells it from others.</param>
    public Domain.Access? AccessOf(string credential) =>
        Array.Find(keys, key => key.Grant.Credential == credential)?.Grant.Access;

    private static Key ToKey(ApiKeyOptions key)
    {
        bool everywhere = key.Groups is null || key.Groups.Contains("*");
        var access = new Domain.Access(
            PermissionNames.Parse(key.Permissions), everywhere ? null : key.Groups!.Select(VisionId.Parse));
        // By the key and not by its name: a key that was replaced under the same name is revoked.
        string hash = ApiKeyHash.Of(key);
        return new Key(Convert.FromHexString(hash), new Grant(hash, access));
    }

    private sealed record Key(byte[] Hash, Grant Grant);
}
