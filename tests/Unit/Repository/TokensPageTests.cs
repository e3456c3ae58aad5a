using System.Text;
using System.Text.RegularExpressions;
using Aether.Application;
using Aether.Infrastructure.Tokens;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>
/// The token that the C# of docs/tokens.md makes, as it stands there. Those of its other languages are in
/// tests/E2E/node and tests/E2E/python.
/// </summary>
public sealed partial class TokensPageTests
{
    private const string Secret = "replace-me-0123456789abcdef0123456789abcdef";

    [Fact]
    public async Task Token_OfThePage_IsGoodAndSaysWhatItIsToSay()
    {
        var options = new TokenOptions
        {
            Issuer = "https://shop.example",
            Audience = "aether",
            MaxLifetime = Duration.FromSeconds(600),
            Keys = { new() { Kid = "2026-01", Algorithm = "HS256", Secret = Secret } },
        };

        var check = await new TokenValidator(options, null, TimeProvider.System).ValidateAsync(
            MakeToken("ctl-17", ["press-7"], Secret), TestContext.Current.CancellationToken);

        Assert.NotNull(check.Token);
        Assert.Equal("ctl-17", check.Token.Subject.Value);
        Assert.Equal(["press-7"], check.Token.Access.Groups!.Select(group => group.Value));
        Assert.NotNull(check.Token.Id);
        Assert.NotNull(check.Token.IssuedAt);
    }

    [Fact]
    public void Code_OfThePage_IsThatOfThisTest()
    {
        string page = Assert.Single(CSharp().Matches(Repository.Read("docs/tokens.md"))).Groups["code"].Value;
        string here = Repository.Read("tests/Unit/Repository/TokensPageTests.cs");

        Assert.Contains(WithoutBlanks(page), WithoutBlanks(here), StringComparison.Ordinal);
    }

    private static string WithoutBlanks(string code) => Blanks().Replace(code, "");

    private static string MakeToken(string client, string[] groups, string secret) =>
        new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
        {
            Issuer = "https://shop.example",
            Audience = "aether",
            Expires = DateTime.UtcNow.AddMinutes(10),
            Claims = new Dictionary<string, object>
            {
                ["sub"] = client,
                ["groups"] = groups,
                ["permissions"] = Array.Empty<string>(),
                ["jti"] = Guid.NewGuid().ToString(),
            },
            SigningCredentials = new(
                new SymmetricSecurityKey(Encoding.UTF8.GetBytes(secret)) { KeyId = "2026-01" }, SecurityAlgorithms.HmacSha256),
        });

    [GeneratedRegex(@"```csharp\n(?<code>.*?)```", RegexOptions.Singleline)]
    private static partial Regex CSharp();

    [GeneratedRegex(@"\s")]
    private static partial Regex Blanks();
}
