using Aether.Domain.Tokens;

namespace Aether.Api.WebSockets;

/// <summary>How long a connection stays by its token, and when it is told that this ends.</summary>
internal sealed class TokenTerm
{
    /// <summary>How long before the end it is told, at most; half of what is left, if that is less.</summary>
    public static readonly TimeSpan Notice = TimeSpan.FromSeconds(30);

    private readonly DateTime tellAt;
    private bool told;

    private TokenTerm(Token token, TimeSpan skew, DateTime now)
    {
        ExpiresAt = token.ExpiresAt;
        EndsAt = token.ExpiresAt + skew;
        var half = (token.ExpiresAt - now) / 2;
        tellAt = token.ExpiresAt - (half < Notice ? half : Notice);
    }

    /// <summary>When the token ends (UTC).</summary>
    public DateTime ExpiresAt { get; }

    /// <summary>When the connection does: the issuer's clock may be behind.</summary>
    public DateTime EndsAt { get; }

    /// <summary>The term of a token; <see langword="null"/>: there is none.</summary>
    public static TokenTerm? Of(Token? token, ConnectionServices services) => token is null
        ? null
        : new(token, services.Credentials?.ClockSkew ?? TimeSpan.Zero, services.Time.GetUtcNow().UtcDateTime);

    /// <summary>Whether the end is near, and this is the first time that it is.</summary>
    public bool IsToBeTold(DateTime now)
    {
        if (told || now < tellAt)
            return false;
        return told = true;
    }
}
