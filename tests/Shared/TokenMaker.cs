using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Aether.Tests.Shared;

/// <summary>
/// Makes JSON Web Tokens by hand, good ones and others: by the RFC and not by the library that reads them.
/// </summary>
internal sealed class TokenMaker : IDisposable
{
    public const string Issuer = "https://issuer.example";
    public const string Audience = "aether";
    public const string Secret = "a-secret-of-the-issuer-0123456789";

    public RSA Rsa { get; } = RSA.Create(2048);

    public ECDsa Ec { get; } = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    /// <summary>Claims that are good for ten minutes.</summary>
    public static JsonObject Claims(
        string sub = "c1", DateTimeOffset? now = null, string group = "*", params string[] permissions)
    {
        long issued = (now ?? DateTimeOffset.UtcNow).ToUnixTimeSeconds();
        return new JsonObject
        {
            ["iss"] = Issuer,
            ["aud"] = Audience,
            ["sub"] = sub,
            ["groups"] = new JsonArray(group),
            ["permissions"] = new JsonArray([.. permissions.Select(one => JsonValue.Create(one))]),
            ["iat"] = issued,
            ["exp"] = issued + 600,
        };
    }

    /// <summary>A token that is signed with the secret.</summary>
    public static string Make(JsonObject claims, string? kid = null, string algorithm = "HS256", string secret = Secret) =>
        Sign(Header(algorithm, kid), claims.ToJsonString(), data => HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), data));

    /// <summary>A token that is signed with the RSA key.</summary>
    public string MakeRsa(JsonObject claims, string? kid = null, string algorithm = "RS256") =>
        Sign(
            Header(algorithm, kid),
            claims.ToJsonString(),
            data => Rsa.SignData(data, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1));

    /// <summary>A token that is signed with the key on P-256.</summary>
    public string MakeEc(JsonObject claims, string? kid = null, string algorithm = "ES256") =>
        Sign(Header(algorithm, kid), claims.ToJsonString(), data => Ec.SignData(data, HashAlgorithmName.SHA256));

    /// <summary>A token of these parts, signed in this way.</summary>
    public static string Sign(string header, string payload, Func<byte[], byte[]> sign)
    {
        string signed = Encode(Encoding.UTF8.GetBytes(header)) + "." + Encode(Encoding.UTF8.GetBytes(payload));
        return signed + "." + Encode(sign(Encoding.ASCII.GetBytes(signed)));
    }

    /// <summary>The header of a token.</summary>
    public static string Header(string algorithm, string? kid = null) => kid is null
        ? JsonSerializer.Serialize(new { alg = algorithm, typ = "JWT" })
        : JsonSerializer.Serialize(new { alg = algorithm, typ = "JWT", kid });

    /// <summary>What the issuer publishes of its keys.</summary>
    public string Jwks(string rsaKid = "rsa", string ecKid = "ec")
    {
        var rsa = Rsa.ExportParameters(false);
        var ec = Ec.ExportParameters(false);
        return JsonSerializer.Serialize(new
        {
            keys = new object[]
            {
                new { kty = "RSA", use = "sig", alg = "RS256", kid = rsaKid, n = Encode(rsa.Modulus!), e = Encode(rsa.Exponent!) },
                new { kty = "EC", use = "sig", crv = "P-256", kid = ecKid, x = Encode(ec.Q.X!), y = Encode(ec.Q.Y!) },
            },
        });
    }

    public void Dispose()
    {
        Rsa.Dispose();
        Ec.Dispose();
    }

    private static string Encode(byte[] bytes) => Base64Url.EncodeToString(bytes);
}
