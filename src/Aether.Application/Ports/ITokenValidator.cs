using Aether.Domain.Tokens;

namespace Aether.Application.Ports;

/// <summary>Finds out what a token grants. Adapter: Microsoft.IdentityModel, with the keys of the configuration.</summary>
internal interface ITokenValidator
{
    /// <summary>Whether tokens are good for anything here.</summary>
    bool IsOn { get; }

    /// <summary>
    /// Reads a token and checks its signature, issuer, audience, times and claims. Never throws for what a token holds, and
    /// says nothing of why one is refused: whoever shows it learns only that it is no good.
    /// </summary>
    ValueTask<TokenCheck> ValidateAsync(string token, CancellationToken cancellationToken);
}

/// <summary>What was found out about a token.</summary>
/// <param name="Token">What it says; <see langword="null"/>: it is no good.</param>
/// <param name="IsUnknown">
/// Whether it may yet be good: the issuer's keys cannot be read now, or what is revoked cannot.
/// </param>
internal readonly record struct TokenCheck(Token? Token, bool IsUnknown = false)
{
    /// <summary>It is no good.</summary>
    public static TokenCheck Bad => default;

    /// <summary>That cannot be found out now.</summary>
    public static TokenCheck Unknown => new(null, IsUnknown: true);
}
