using System.Security.Cryptography;
using System.Text;
using Aether.Api.Configuration;
using Aether.Application;
using Microsoft.Extensions.Configuration;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>Keys and tokens as the configuration has them: what is wrong stops the start, and names itself.</summary>
public sealed class CredentialOptionsTests : IDisposable
{
    private const string Key = "a-key-0123456789";

    private static readonly string Hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Key)));

    private readonly TokenMaker maker = new();

    /// <summary>What is changed of tokens that are good, and which option is named.</summary>
    public static TheoryData<string, string?, string> BadTokens => new()
    {
        { "Issuer", null, "Tokens:Issuer" },
        { "Issuer", "", "Tokens:Issuer" },
        { "Issuer", " https://issuer.example", "Tokens:Issuer" },
        { "Audience", null, "Tokens:Audience" },
        { "Audience", "aether\n", "Tokens:Audience" },
        { "Keys:0:Algorithm", null, "Tokens:Keys:0:Algorithm" },
        { "Keys:0:Algorithm", "none", "Tokens:Keys:0:Algorithm" },
        { "Keys:0:Algorithm", "hs256", "Tokens:Keys:0:Algorithm" },
        { "Keys:0:Algorithm", "HS512", "Tokens:Keys:0:Algorithm" },
        { "Keys:0:Algorithm", "EdDSA", "Tokens:Keys:0:Algorithm" },
        { "Keys:0:Secret", null, "Tokens:Keys:0:Secret" },
        { "Keys:0:Secret", "a-secret-that-is-31-bytes-long-", "Tokens:Keys:0:Secret" },
        { "Keys:0:Secret", TokenMaker.Secret + "\n", "Tokens:Keys:0:Secret" },
        { "Keys:0:Pem", "RSA", "Tokens:Keys:0:Pem" },
        { "Keys:1:Pem", null, "Tokens:Keys:1:Pem" },
        { "Keys:1:Pem", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "Tokens:Keys:1:Pem" },
        { "Keys:1:Pem", "EC", "Tokens:Keys:1:Pem" },
        { "Keys:1:Pem", "SHORT", "Tokens:Keys:1:Pem" },
        { "Keys:1:Pem", "PRIVATE", "Tokens:Keys:1:Pem" },
        { "Keys:1:Secret", TokenMaker.Secret, "Tokens:Keys:1:Secret" },
        { "Keys:2:Pem", "RSA", "Tokens:Keys:2:Pem" },
        { "Keys:2:Pem", "P384", "Tokens:Keys:2:Pem" },
        { "Keys:1:Kid", " rsa", "Tokens:Keys:1:Kid" },
        { "Keys:3:Kid", "rsa", "Tokens:Keys:1:Kid" },
        { "Jwks", "issuer.example/keys", "Tokens:Jwks" },
        { "Jwks", "http://issuer.example/keys", "Tokens:Jwks" },
        { "Jwks", "https://user:word@issuer.example/keys", "Tokens:Jwks" },
        { "Jwks", "file:///etc/keys", "Tokens:Jwks" },
        { "ClockSkew", "301", "Tokens:ClockSkew" },
        { "ClockSkew", "soon", "Tokens:ClockSkew" },
        { "MaxLifetime", "59", "Tokens:MaxLifetime" },
        { "Isuer", "x", "Tokens:Isuer" },
    };

    [Theory]
    [MemberData(nameof(BadTokens))]
    public void Tokens_StopTheStart_GivenAnOptionThatIsWrong(string option, string? value, string named)
    {
        Assert.Empty(FailuresOf(Good()));

        var settings = Good();
        string? text = Pem(value) ?? value;
        settings["Tokens:" + option] = text;
        if (option == "Keys:3:Kid")
        {
            settings["Tokens:Keys:3:Algorithm"] = "RS256";
            settings["Tokens:Keys:3:Pem"] = Pem("RSA");
        }

        string[] failures = FailuresOf(settings);
        Assert.Contains(failures, failure => failure.StartsWith("Aether:Realtime:" + named + " ", StringComparison.Ordinal));
        Assert.All(failures, failure => Assert.DoesNotContain("secret-of", failure, StringComparison.Ordinal));
        if (value is "PRIVATE")
            Assert.Contains("private", failures[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Issuer")]
    [InlineData("Audience")]
    public void Tokens_WithoutAKey_StopTheStart(string option)
    {
        string[] failures = FailuresOf(new() { ["Tokens:" + option] = "x" });
        Assert.Single(failures, failure => failure.StartsWith("Aether:Realtime:Tokens has no Keys", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("https://issuer.example/keys")]
    [InlineData("https://issuer.example:8443/keys?tenant=1")]
    [InlineData("http://localhost:8080/keys")]
    [InlineData("http://127.0.0.1:8080/keys")]
    public void Jwks_IsAnHttpsAddress_OrOneOfThisMachine(string address) => Assert.Empty(FailuresOf(new()
    {
        ["Tokens:Issuer"] = TokenMaker.Issuer,
        ["Tokens:Audience"] = TokenMaker.Audience,
        ["Tokens:Jwks"] = address,
    }));

    [Fact]
    public void Pem_MayBeACertificate_AndHaveItsLineBreaksWritten()
    {
        var request = new System.Security.Cryptography.X509Certificates.CertificateRequest(
            "CN=issuer", maker.Rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(99));
        foreach (string pem in new[] { certificate.ExportCertificatePem(), Pem("RSA")!.ReplaceLineEndings("\\n") })
        {
            var settings = Good();
            settings["Tokens:Keys:1:Pem"] = pem;
            Assert.Empty(FailuresOf(settings));
        }
    }

    [Fact]
    public void Hash_MayStandInPlaceOfTheKey()
    {
        Assert.Empty(FailuresOf(Keys(("KeySha256", Hash))));
        Assert.Empty(FailuresOf(Keys(("KeySha256", Hash.ToUpperInvariant()))));
    }

    [Theory]
    [InlineData("")]
    [InlineData("abc")]
    [InlineData("zz")]
    [InlineData("+")]
    public void Hash_StopsTheStart_GivenThatItIsNone(string hash)
    {
        string written = hash switch
        {
            "zz" => "zz" + Hash[2..],
            "+" => Hash + "\n",
            _ => hash,
        };
        string failure = Assert.Single(FailuresOf(Keys(("KeySha256", written))));
        Assert.StartsWith(
            written.Length == 0 ? "Aether:Realtime:ApiKeys:0:Key " : "Aether:Realtime:ApiKeys:0:KeySha256 ",
            failure,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Hash_StopsTheStart_BesideAKey_OrGivenTheSameKeyTwice()
    {
        Assert.Contains(FailuresOf(Keys(("KeySha256", Hash), ("Key", "another-key-0123456789"))), Names("0:KeySha256"));
        var twice = Keys(("KeySha256", Hash.ToUpperInvariant()));
        twice["ApiKeys:1:Name"] = "other";
        twice["ApiKeys:1:Key"] = Key;
        Assert.Contains(FailuresOf(twice), Names("0:KeySha256"));
    }

    public void Dispose() => maker.Dispose();

    private static Predicate<string> Names(string option) =>
        failure => failure.StartsWith("Aether:Realtime:ApiKeys:" + option + " ", StringComparison.Ordinal);

    private static Dictionary<string, string?> Keys(params (string Option, string Value)[] options)
    {
        var settings = new Dictionary<string, string?> { ["ApiKeys:0:Name"] = "main" };
        foreach (var (option, value) in options)
            settings["ApiKeys:0:" + option] = value;
        return settings;
    }

    private static string[] FailuresOf(Dictionary<string, string?> settings)
    {
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(settings.Where(one => one.Value is not null).Select(
                one => new KeyValuePair<string, string?>("Aether:Realtime:" + one.Key, one.Value)))
            .Build();
        var options = new RealtimeOptions();
        try
        {
            RealtimeOptionsReader.Read(configuration.GetSection(RealtimeOptions.Section), options);
        }
        catch (Microsoft.Extensions.Options.OptionsValidationException invalid)
        {
            return [.. invalid.Failures];
        }
        return [.. new RealtimeOptionsValidator().Validate(null, options).Failures ?? []];
    }

    private string? Pem(string? of)
    {
        if (of is not ("RSA" or "EC" or "SHORT" or "PRIVATE" or "P384"))
            return null;
        using var @short = RSA.Create(1024);
        using var p384 = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        return of switch
        {
            "RSA" => maker.Rsa.ExportSubjectPublicKeyInfoPem(),
            "EC" => maker.Ec.ExportSubjectPublicKeyInfoPem(),
            "SHORT" => @short.ExportSubjectPublicKeyInfoPem(),
            "PRIVATE" => maker.Rsa.ExportPkcs8PrivateKeyPem(),
            _ => p384.ExportSubjectPublicKeyInfoPem(),
        };
    }

    private Dictionary<string, string?> Good() => new()
    {
        ["Tokens:Issuer"] = TokenMaker.Issuer,
        ["Tokens:Audience"] = TokenMaker.Audience,
        ["Tokens:Keys:0:Kid"] = "secret",
        ["Tokens:Keys:0:Algorithm"] = "HS256",
        ["Tokens:Keys:0:Secret"] = TokenMaker.Secret,
        ["Tokens:Keys:1:Kid"] = "rsa",
        ["Tokens:Keys:1:Algorithm"] = "RS256",
        ["Tokens:Keys:1:Pem"] = Pem("RSA"),
        ["Tokens:Keys:2:Kid"] = "ec",
        ["Tokens:Keys:2:Algorithm"] = "ES256",
        ["Tokens:Keys:2:Pem"] = Pem("EC"),
    };
}
