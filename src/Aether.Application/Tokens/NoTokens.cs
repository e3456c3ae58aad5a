using Aether.Application.Ports;

namespace Aether.Application.Tokens;

/// <summary>What there is where nobody validates tokens: none is any good.</summary>
internal sealed class NoTokens : ITokenValidator
{
    public bool IsOn => false;

    public ValueTask<TokenCheck> ValidateAsync(string token, CancellationToken cancellationToken) => default;
}
