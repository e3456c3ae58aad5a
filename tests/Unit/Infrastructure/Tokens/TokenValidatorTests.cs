using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Aether.Application;
using Aether.Domain;
using Aether.Domain.Tokens;
using Aether.Infrastructure.Tokens;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>Which tokens are good, and what they say.</summary>
public sealed class TokenValidatorTests : IDisposable
{
    private static readonly DateTimeOffset Now = new(2026, 5, 6, 7, 8, 9, TimeSpan.Zero);

    private readonly TokenMaker maker = new();
    private readonly FakeTimeProvider time = new(Now);

    /// <summary>Changes to claims that are good, each of which makes them no good.</summary>
    public static TheoryData<string, string> BadClaims => new()
    {
        { "iss", "\"https://issuer.example/\"" },
        { "iss", "\"HTTPS://issuer.example\"" },
        { "iss", "null" },
        { "iss", "" },
        { "aud", "\"aether/\"" },
        { "aud", "\"Aether\"" },
        { "aud", "[\"other\"]" },
        { "aud", "[]" },
        { "aud", "" },
        { "sub", "\"a b\"" },
        { "sub", "\"aether\"" },
        { "sub", "\"\"" },
        { "sub", "5" },
        { "sub", "null" },
        { "sub", "" },
        { "groups", "\"a b\"" },
        { "groups", "[\"g1\",\"a b\"]" },
        { "groups", "[\"g1\",5]" },
        { "groups", "{}" },
        { "groups", "null" },
        { "groups", "" },
        { "permissions", "[5]" },
        { "permissions", "null" },
        { "permissions", "{}" },
        { "permissions", "" },
        { "role", "\"boss\"" },
        { "role", "\"\"" },
        { "role", "\"Worker\"" },
        { "role", "null" },
        { "role", "[\"worker\"]" },
        { "jti", "5" },
        { "jti", "\"\"" },
        { "jti", "null" },
        { "jti", "\"\\u0007\"" },
        { "exp", "" },
        { "exp", "null" },
        { "exp", "\"1800000000\"" },
        { "exp", "-1" },
        { "exp", "1e300" },
        { "exp", "1" },
        { "iat", "\"now\"" },
        { "iat", "-5" },
        // Issued tomorrow, it would be before no time that somebody revokes by.
        { "iat", "1778051321" },
        { "nbf", "1800000000" },
    };

    [Fact]
    public async Task Token_SaysWhoItIsOfAndWhatItGrants()
    {
        var claims = TokenMaker.Claims("c7", Now, "g1", "broadcast", "cross_group", "invoices:read");
        (claims["role"], claims["jti"]) = ("worker", "t1");

        var token = await FindAsync(Hs256(), TokenMaker.Make(claims));

        Assert.NotNull(token);
        Assert.Equal("c7", token.Subject.Value);
        Assert.Equal("t1", token.Id);
        Assert.Equal(Role.Worker, token.Role);
        Assert.Equal(Permissions.Broadcast | Permissions.CrossGroup, token.Access.Permissions);
        Assert.Equal(["g1"], token.Access.Groups!.Select(group => group.Value));
        Assert.Equal(Now.UtcDateTime, token.IssuedAt);
        Assert.Equal(Now.UtcDateTime.AddSeconds(600), token.ExpiresAt);
    }

    [Theory]
    [InlineData("\"*\"", null)]
    [InlineData("[\"*\"]", null)]
    [InlineData("[\"g1\",\"*\"]", null)]
    [InlineData("\"g1\"", "g1")]
    [InlineData("[\"g1\",\"g2\"]", "g1,g2")]
    [InlineData("[]", "")]
    public async Task Groups_AreAListOrAllOrOne(string groups, string? meant)
    {
        var claims = TokenMaker.Claims(now: Now);
        claims["groups"] = JsonNode.Parse(groups);

        var token = await FindAsync(Hs256(), TokenMaker.Make(claims));

        string? read = token!.Access.Groups is { } limited ? string.Join(',', limited.Select(one => one.Value).Order()) : null;
        Assert.Equal(meant, read);
    }

    [Theory]
    [MemberData(nameof(BadClaims))]
    public async Task Token_IsNoGood_GivenAClaimThatIsMissingOrWrong(string claim, string value)
    {
        var claims = TokenMaker.Claims(now: Now);
        (claims["role"], claims["jti"]) = ("worker", "t1");
        Assert.NotNull(await FindAsync(Hs256(), TokenMaker.Make(claims)));

        if (value.Length == 0)
            claims.Remove(claim);
        else
            claims[claim] = JsonNode.Parse(value);

        Assert.Null(await FindAsync(Hs256(), TokenMaker.Make(claims)));
    }

    [Fact]
    public async Task Token_IsGoodForAllAlgorithmsThatThereAreKeysFor()
    {
        var options = All();
        Assert.NotNull(await FindAsync(options, TokenMaker.Make(TokenMaker.Claims(now: Now), "secret")));
        Assert.NotNull(await FindAsync(options, maker.MakeRsa(TokenMaker.Claims(now: Now), "rsa")));
        Assert.NotNull(await FindAsync(options, maker.MakeEc(TokenMaker.Claims(now: Now), "ec")));
        // Whichever key of the algorithm it fits.
        Assert.NotNull(await FindAsync(options, maker.MakeRsa(TokenMaker.Claims(now: Now))));
    }

    [Fact]
    public async Task Token_IsNoGood_GivenNoSignatureOrAnotherAlgorithmOrKey()
    {
        var options = All();
        var claims = TokenMaker.Claims(now: Now);
        string pem = maker.Rsa.ExportSubjectPublicKeyInfoPem();
        string good = TokenMaker.Make(claims, "secret");
        string[] parts = good.Split('.');
        using var other = new TokenMaker();
        string[] bad =
        [
            TokenMaker.Sign(TokenMaker.Header("none"), claims.ToJsonString(), _ => []),
            TokenMaker.Sign(TokenMaker.Header("None", "secret"), claims.ToJsonString(), _ => []),
            $"{parts[0]}.{parts[1]}.",
            $"{parts[0]}.{parts[1]}",
            // The public key taken for a secret: what everybody has.
            TokenMaker.Make(claims, "rsa", secret: pem),
            // Signed as they say, and with the right key: but it is for another algorithm.
            TokenMaker.Sign(
                TokenMaker.Header("HS384", "secret"),
                claims.ToJsonString(),
                data => HMACSHA384.HashData(Encoding.UTF8.GetBytes(TokenMaker.Secret), data)),
            TokenMaker.Sign(
                TokenMaker.Header("RS512", "rsa"),
                claims.ToJsonString(),
                data => maker.Rsa.SignData(data, HashAlgorithmName.SHA512, RSASignaturePadding.Pkcs1)),
            TokenMaker.Sign(
                TokenMaker.Header("PS256", "rsa"),
                claims.ToJsonString(),
                data => maker.Rsa.SignData(data, HashAlgorithmName.SHA256, RSASignaturePadding.Pss)),
            maker.MakeRsa(claims, "ec"),
            maker.MakeEc(claims, "rsa"),
            maker.MakeRsa(claims, "nobody"),
            other.MakeRsa(claims, "rsa"),
            other.MakeEc(claims, "ec"),
            TokenMaker.Make(claims, "secret", secret: TokenMaker.Secret + "x"),
            TokenMaker.Sign(
                """{"alg":"HS256","kid":"secret","crit":["exp"]}""",
                claims.ToJsonString(),
                data => HMACSHA256.HashData(Encoding.UTF8.GetBytes(TokenMaker.Secret), data)),
            // A claim of another token.
            $"{parts[0]}.{TokenMaker.Make(TokenMaker.Claims("c2", Now), "secret").Split('.')[1]}.{parts[2]}",
            good + "." + parts[2],
            good + "=",
            " " + good,
            "..",
            "a.b.c",
            "",
            "x",
            new string('a', Token.MaxLength + 1),
        ];
        Assert.NotNull(await FindAsync(options, good));
        foreach (string token in bad)
            Assert.True(await FindAsync(options, token) is null, token);
    }

    [Fact]
    public async Task Claim_GivenTwice_MakesItNoGood()
    {
        string claims = TokenMaker.Claims(now: Now).ToJsonString().Replace(
            "\"sub\":\"c1\"", "\"sub\":\"c1\",\"sub\":\"c2\"", StringComparison.Ordinal);
        string token = TokenMaker.Sign(
            TokenMaker.Header("HS256"), claims, data => HMACSHA256.HashData(Encoding.UTF8.GetBytes(TokenMaker.Secret), data));
        Assert.Null(await FindAsync(Hs256(), token));
    }

    [Theory]
    [InlineData("\"x\":{\"\\ud800\":1}")]
    [InlineData("\"x\":\"\\ud800\"")]
    [InlineData("\"groups\":[\"\\ud800\"]")]
    [InlineData("\"permissions\":[\"\\ud800\"]")]
    [InlineData("\"jti\":\"\\ud800\"")]
    [InlineData("\"exp\":1e999")]
    public async Task Claim_ThatIsNoText_IsNoFault(string claim)
    {
        string claims = "{" + claim + "," + TokenMaker.Claims(now: Now).ToJsonString()[1..];
        string token = TokenMaker.Sign(
            TokenMaker.Header("HS256"), claims, data => HMACSHA256.HashData(Encoding.UTF8.GetBytes(TokenMaker.Secret), data));
        var found = await FindAsync(Hs256(), token);
        // Where nobody looks at it, it does no harm.
        Assert.True(found is null || claim.StartsWith("\"x\"", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Times_MayBeOffByTheSkew_AndByNoMore()
    {
        string token = TokenMaker.Make(TokenMaker.Claims(now: Now));
        var validator = new TokenValidator(Hs256(), null, time);
        time.Advance(TimeSpan.FromSeconds(629));
        Assert.NotNull(await FindAsync(validator, token));
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(await FindAsync(validator, token));

        var early = TokenMaker.Claims(now: time.GetUtcNow());
        early["nbf"] = time.GetUtcNow().ToUnixTimeSeconds() + 30;
        Assert.NotNull(await FindAsync(validator, TokenMaker.Make(early)));
        early["nbf"] = time.GetUtcNow().ToUnixTimeSeconds() + 31;
        Assert.Null(await FindAsync(validator, TokenMaker.Make(early)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Token_IsNoGood_GivenThatItLastsLongerThanAny(bool saysSince)
    {
        var options = Hs256();
        options.MaxLifetime = Duration.FromSeconds(3600);
        var claims = TokenMaker.Claims(now: Now);
        if (!saysSince)
            claims.Remove("iat");
        claims["exp"] = Now.ToUnixTimeSeconds() + 3630;
        Assert.NotNull(await FindAsync(options, TokenMaker.Make(claims)));
        claims["exp"] = Now.ToUnixTimeSeconds() + 3631;
        Assert.Null(await FindAsync(options, TokenMaker.Make(claims)));
    }

    [Fact]
    public async Task Token_IsTrustedNoLonger_GivenThatItsKeyIsGoneOrAnotherOrForOthers()
    {
        var token = await FindAsync(All(), maker.MakeRsa(TokenMaker.Claims(now: Now), "rsa"));
        bool Trusts(TokenOptions options) => new TokenValidator(options, null, time).StillTrusts(token!);
        Assert.True(Trusts(All()));
        Assert.False(Trusts(Hs256()));
        var changed = All();
        changed.Issuer += "/";
        Assert.False(Trusts(changed));
        changed = All();
        changed.Audience = "other";
        Assert.False(Trusts(changed));
        using var other = new TokenMaker();
        changed = All();
        changed.Keys[1].Pem = other.Rsa.ExportSubjectPublicKeyInfoPem();
        Assert.False(Trusts(changed));
    }

    public void Dispose() => maker.Dispose();

    private static TokenOptions Hs256() => new()
    {
        Issuer = TokenMaker.Issuer,
        Audience = TokenMaker.Audience,
        Keys = { new() { Kid = "secret", Algorithm = "HS256", Secret = TokenMaker.Secret } },
    };

    private TokenOptions All()
    {
        var options = Hs256();
        options.Keys.Add(new() { Kid = "rsa", Algorithm = "RS256", Pem = maker.Rsa.ExportSubjectPublicKeyInfoPem() });
        options.Keys.Add(new() { Kid = "ec", Algorithm = "ES256", Pem = maker.Ec.ExportSubjectPublicKeyInfoPem() });
        return options;
    }

    private Task<Token?> FindAsync(TokenOptions options, string token) =>
        FindAsync(new TokenValidator(options, null, time), token);

    private static async Task<Token?> FindAsync(TokenValidator validator, string token) =>
        (await validator.ValidateAsync(token, TestContext.Current.CancellationToken)).Token;
}
