using System.Buffers;
using System.Buffers.Text;
using Aether.Application;
using Aether.Application.Ports;
using Aether.Domain.Tokens;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Aether.Infrastructure.Tokens;

/// <summary>
/// Checks tokens with Microsoft.IdentityModel, against one state of the options. Its defaults are those of an API that
/// trusts many; here each key is for one algorithm, and issuer and audience are what is written, to the letter.
/// </summary>
internal sealed class TokenValidator
{
    // The library also takes padding, and what else decodes to the same.
    private static readonly SearchValues<char> Allowed =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.");

    private readonly TokenOptions options;
    private readonly Configured[] configured;
    private readonly PublishedKeys? published;
    private readonly string publisher;
    private readonly TimeProvider time;

    // Not before there is a token: most servers have none, and need not load the library.
    private JsonWebTokenHandler? handler;

    /// <summary>Creates it.</summary>
    /// <param name="options">The options, which are valid.</param>
    /// <param name="published">The keys that the issuer publishes; <see langword="null"/>: none.</param>
    /// <param name="time">The clock.</param>
    public TokenValidator(TokenOptions options, PublishedKeys? published, TimeProvider time)
    {
        (this.options, this.published, this.time) = (options, published, time);
        configured =
        [
            .. options.Keys
                .Select(static key => SigningKey.TryCreate(key, out var made, out _) ? made : null)
                .OfType<SigningKey>()
                .Select(key => new Configured(key, Signer(key.Fingerprint))),
        ];
        publisher = Signer(options.Jwks);
    }

    /// <summary>Whether any token can be good.</summary>
    public bool IsOn => configured.Length > 0 || published is not null;

    /// <inheritdoc cref="ITokenValidator.ValidateAsync"/>
    public async ValueTask<TokenCheck> ValidateAsync(string token, CancellationToken cancellationToken)
    {
        if (!IsOn || Read(token) is not { } read)
            return TokenCheck.Bad;
        bool isKnown = false;
        foreach (var (key, signer) in configured)
        {
            if (!IsFor(key, read))
                continue;
            isKnown = true;
            if (await IsGoodAsync(read, key).ConfigureAwait(false))
                return new(ReadClaims(read, signer));
        }
        // A key that is written down is not asked for elsewhere, and what it does not fit is no good.
        if (published is null || (isKnown && read.Kid is { Length: > 0 }))
            return TokenCheck.Bad;
        var found = await published.FindAsync(key => IsFor(key, read), cancellationToken).ConfigureAwait(false);
        if (found is null)
            return TokenCheck.Unknown;
        foreach (var key in found)
        {
            if (await IsGoodAsync(read, key).ConfigureAwait(false))
                return new(ReadClaims(read, publisher));
        }
        return TokenCheck.Bad;
    }

    /// <summary>
    /// Whether whoever signed a token that was good is still trusted. What an issuer no longer publishes is good for no
    /// further token; those that are out end by themselves.
    /// </summary>
    public bool StillTrusts(Token token) =>
        (published is not null && token.Signer == publisher)
        || Array.Exists(configured, one => one.Signer == token.Signer);

    /// <summary>Whether a token says that it is of our issuer, whatever it is worth.</summary>
    public bool IsOurs(string token) => IsOn && Read(token)?.Issuer == options.Issuer;

    private static JsonWebToken? Read(string token)
    {
        if (token.Length is 0 or > Token.MaxLength || token.AsSpan().ContainsAnyExcept(Allowed))
            return null;
        try
        {
            var read = new JsonWebToken(token);
            // What its issuer says has to be understood is not, and what is encrypted is for somebody else.
            return read.IsEncrypted || read.TryGetHeaderValue<object>("crit", out _) ? null : read;
        }
        catch (Exception e) when (e is ArgumentException or SecurityTokenException)
        {
            return null;
        }
    }

    private static bool IsFor(SigningKey key, JsonWebToken token) =>
        key.Algorithm == token.Alg && (string.IsNullOrEmpty(token.Kid) || token.Kid == key.Kid);

    private async ValueTask<bool> IsGoodAsync(JsonWebToken token, SigningKey key)
    {
        handler ??= new JsonWebTokenHandler { MaximumTokenSizeInBytes = Token.MaxLength };
        var result = await handler.ValidateTokenAsync(token, new TokenValidationParameters
        {
            IssuerSigningKey = key.Key,
            // The key was chosen above, and its own id is not always that of the token.
            TryAllIssuerSigningKeys = true,
            ValidAlgorithms = [key.Algorithm],
            ValidIssuer = options.Issuer,
            ValidAudience = options.Audience,
            IgnoreTrailingSlashWhenValidatingAudience = false,
            RequireExpirationTime = true,
            RequireSignedTokens = true,
            LifetimeValidator = IsInTime,
        }).ConfigureAwait(false);
        return result.IsValid;
    }

    private bool IsInTime(
        DateTime? notBefore, DateTime? expires, SecurityToken token, TokenValidationParameters parameters)
    {
        var (now, skew) = (time.GetUtcNow().UtcDateTime, options.ClockSkew.Value);
        return expires > now - skew && (notBefore is null || notBefore <= now + skew);
    }

    private Token? ReadClaims(JsonWebToken read, string signer)
    {
        var token = TokenClaims.Read(Base64Url.DecodeFromChars(read.EncodedPayload), signer);
        if (token is null)
            return null;
        var (now, skew) = (time.GetUtcNow().UtcDateTime, options.ClockSkew.Value);
        // What is revoked is remembered for as long as a token can last, and for no longer; and a token of tomorrow would
        // not be among those that were issued before today.
        return token.IssuedAt > now + skew
            || token.ExpiresAt - (token.IssuedAt ?? now) > options.MaxLifetime.Value + skew
            ? null
            : token;
    }

    // One text for all tokens of a key: each connection keeps it.
    private string Signer(string key) => $"{key} {options.Issuer} {options.Audience}";

    private readonly record struct Configured(SigningKey Key, string Signer);
}
