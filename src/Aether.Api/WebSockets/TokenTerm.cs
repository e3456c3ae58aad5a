using Aether.Domain.Tokens;

namespace Aether.Api.WebSockets;

/// <summary>How long a connection stays by its token, and when it is told that this ends.</summary>
internal sealed class TokenTerm
{
    /// <summary>How long before the end it is told, at most; half of what is left, if that is less.</summary>
    public static readonly TimeSpan Notice = TimeSpan.FromSeconds(30);

    private readonly DateTime tellAt;
    private bool told;

    private TokenTerm(Token token, DateTime now)
    {
        ExpiresAt = token.ExpiresAt;
        var half = (token.ExpiresAt - now) / 2;
        tellAt = token.ExpiresAt - (half < Notice ? half : Notice);
    }

    /// <summary>When the token ends (UTC).</summary>
    public DateTime ExpiresAt { get; }

    /// <summary>The term of a token; <see langword="null"/>: there is none.</summary>
    public static TokenTerm? Of(Token? token, ConnectionServices services) => token is null
        ? null
        : new(token, services.Time.GetUtcNow().UtcDateTime);

    /// <summary>Whether the connection has to end: the issuer's clock may be behind.</summary>
    public bool IsOver(DateTime now, TimeSpan skew) => now - skew >= ExpiresAt;

    /// <summary>Whether the end is near, and this is the first time that it is.</summary>
    public bool IsToBeTold(DateTime now)
    {
        if (told || now < tellAt)
            return false;
        return told = true;
    }
}
