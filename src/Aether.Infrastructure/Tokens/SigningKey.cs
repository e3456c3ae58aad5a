using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Aether.Application;
using Microsoft.IdentityModel.Tokens;

namespace Aether.Infrastructure.Tokens;

/// <summary>A key that tokens may be signed with, for one algorithm and no other.</summary>
/// <param name="Kid">Its id, as tokens name it; empty: it has none.</param>
/// <param name="Algorithm">The algorithm, as tokens name it.</param>
/// <param name="Key">The key.</param>
/// <param name="Fingerprint">Tells it from others, without being it.</param>
internal sealed record SigningKey(string Kid, string Algorithm, SecurityKey Key, string Fingerprint)
{
    /// <summary>What <see cref="TokenKeyOptions.Algorithm"/> has to be.</summary>
    public const string AlgorithmRule = "must be HS256, RS256 or ES256 (the library that checks tokens has no EdDSA)";

    /// <summary>How long a secret has to be, in bytes: no shorter than what it makes.</summary>
    public const int MinSecretBytes = 32;

    /// <summary>How long an RSA key has to be.</summary>
    public const int MinRsaBits = 2_048;

    private const string RsaRule = "must be an RSA public key of 2048 bits or more, or its certificate, as PEM";
    private const string EcRule = "must be a public key on P-256, or its certificate, as PEM";
    private const string PrivateRule = "is a private key; the public one is enough, and can be lost without harm";

    /// <summary>Makes a key of its options.</summary>
    /// <param name="options">The options.</param>
    /// <param name="key">The key.</param>
    /// <param name="wrong">Which option is wrong, and what it must be. Nothing of a key.</param>
    public static bool TryCreate(
        TokenKeyOptions options,
        [NotNullWhen(true)] out SigningKey? key,
        [NotNullWhen(false)] out (string Option, string Rule)? wrong)
    {
        key = null;
        wrong = options.Algorithm switch
        {
            "HS256" => ReadSecret(options, out key),
            "RS256" or "ES256" => ReadPem(options, out key),
            _ => (nameof(options.Algorithm), AlgorithmRule),
        };
        return wrong is null;
    }

    private static (string, string)? ReadSecret(TokenKeyOptions options, out SigningKey? key)
    {
        key = null;
        if (options.Pem.Length > 0)
            return (nameof(options.Pem), "is not for HS256, which has a Secret");
        byte[] secret = Encoding.UTF8.GetBytes(options.Secret);
        if (secret.Length < MinSecretBytes)
            return (nameof(options.Secret), $"must be at least {MinSecretBytes} bytes");
        // What a file ends in, or a line break that a quotation lost: the issuer's secret would be another one.
        if (options.Secret.Any(char.IsControl) || options.Secret.Trim() != options.Secret)
        {
            return (
                nameof(options.Secret),
                "must not hold a line break or another control character, nor begin or end with a blank");
        }
        key = new(options.Kid, options.Algorithm, new SymmetricSecurityKey(secret), Hash(options, secret));
        return null;
    }

    private static (string, string)? ReadPem(TokenKeyOptions options, out SigningKey? key)
    {
        key = null;
        if (options.Secret.Length > 0)
            return (nameof(options.Secret), $"is not for {options.Algorithm}, which has a Pem");
        // In the environment and in JSON a line break is often written so.
        string pem = options.Pem.Replace("\\n", "\n", StringComparison.Ordinal);
        if (pem.Contains("PRIVATE KEY-----", StringComparison.Ordinal))
            return (nameof(options.Pem), PrivateRule);
        bool isRsa = options.Algorithm == "RS256";
        try
        {
            var made = isRsa ? OfRsa(pem) : OfEc(pem);
            if (made is { } good)
            {
                key = new(options.Kid, options.Algorithm, good.Key, Hash(options, good.Public));
                return null;
            }
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            // Its text may repeat what was read.
        }
        return (nameof(options.Pem), isRsa ? RsaRule : EcRule);
    }

    private static (SecurityKey Key, byte[] Public)? OfRsa(string pem)
    {
        var rsa = IsCertificate(pem) ? OfCertificate(pem, static one => one.GetRSAPublicKey()) : Import(RSA.Create(), pem);
        return rsa is null || rsa.KeySize < MinRsaBits
            ? null
            : (new RsaSecurityKey(rsa.ExportParameters(includePrivateParameters: false)), rsa.ExportSubjectPublicKeyInfo());
    }

    private static (SecurityKey Key, byte[] Public)? OfEc(string pem)
    {
        var ec = IsCertificate(pem) ? OfCertificate(pem, static one => one.GetECDsaPublicKey()) : Import(ECDsa.Create(), pem);
        return ec is null || !IsP256(ec) ? null : (new ECDsaSecurityKey(ec), ec.ExportSubjectPublicKeyInfo());
    }

    private static bool IsP256(ECDsa ec) =>
        ec.ExportParameters(includePrivateParameters: false).Curve.Oid.Value == ECCurve.NamedCurves.nistP256.Oid.Value;

    private static T Import<T>(T algorithm, string pem)
        where T : AsymmetricAlgorithm
    {
        algorithm.ImportFromPem(pem);
        return algorithm;
    }

    private static T? OfCertificate<T>(string pem, Func<X509Certificate2, T?> find)
        where T : AsymmetricAlgorithm
    {
        using var certificate = X509Certificate2.CreateFromPem(pem);
        return find(certificate);
    }

    private static bool IsCertificate(string pem) => pem.Contains("BEGIN CERTIFICATE-----", StringComparison.Ordinal);

    private static string Hash(TokenKeyOptions options, byte[] key) => HashOf(options.Kid, options.Algorithm, key);

    /// <summary>The fingerprint of a key.</summary>
    public static string HashOf(string kid, string algorithm, ReadOnlySpan<byte> key)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        // Neither of the two can hold the byte between them.
        hash.AppendData(Encoding.UTF8.GetBytes(kid + "\0" + algorithm + "\0"));
        hash.AppendData(key);
        return Convert.ToHexString(hash.GetCurrentHash());
    }
}
