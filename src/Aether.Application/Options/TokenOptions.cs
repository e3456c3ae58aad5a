namespace Aether.Application;

/// <summary>JSON Web Tokens of users, beside API keys.</summary>
public sealed class TokenOptions
{
    /// <summary>Whose tokens are good: their claim <c>iss</c>, as it is.</summary>
    public string Issuer { get; set; } = "";

    /// <summary>Whom they have to be for: one of their claim <c>aud</c>, as it is.</summary>
    public string Audience { get; set; } = "";

    /// <summary>The keys that they may be signed with.</summary>
    public IList<TokenKeyOptions> Keys { get; } = [];

    /// <summary>
    /// Where the issuer publishes further keys (RFC 7517), an https address. Empty: nowhere. A token never decides where
    /// it is looked for its key.
    /// </summary>
    public string Jwks { get; set; } = "";

    /// <summary>How far the clocks of the issuer and of this server may be apart.</summary>
    public Duration ClockSkew { get; set; } = Duration.FromSeconds(30);

    /// <summary>
    /// How long a token may last. One that lasts longer is refused: what was revoked is remembered for this long.
    /// </summary>
    public Duration MaxLifetime { get; set; } = Duration.FromSeconds(365 * 24 * 3600);
}

/// <summary>One key that tokens may be signed with.</summary>
public sealed class TokenKeyOptions
{
    /// <summary>Its id, as tokens name it in <c>kid</c>. Empty: for tokens that name none.</summary>
    public string Kid { get; set; } = "";

    /// <summary>What it is for, and nothing else: <c>HS256</c>, <c>RS256</c> or <c>ES256</c>.</summary>
    public string Algorithm { get; set; } = "";

    /// <summary>The secret of HS256, at least 32 bytes of UTF-8.</summary>
    public string Secret { get; set; } = "";

    /// <summary>The public key of RS256 (2,048 bits or more) or ES256, or its certificate, as PEM.</summary>
    public string Pem { get; set; } = "";
}
