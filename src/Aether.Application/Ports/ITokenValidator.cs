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
    /// <returns><see langword="null"/>: it is no good.</returns>
    ValueTask<Token?> ValidateAsync(string token, CancellationToken cancellationToken);
}
