using Aether.Application.Ports;

namespace Aether.Application.Tokens;

/// <summary>Finds out whether a token is good now: valid, and not revoked.</summary>
internal sealed class TokenChecks(ITokenValidator validator, Revocations revocations)
{
    /// <summary>Whether tokens are good for anything here.</summary>
    public bool AreOn => validator.IsOn;

    /// <summary>Finds it out.</summary>
    public async ValueTask<TokenCheck> CheckAsync(string token, CancellationToken cancellationToken)
    {
        var check = await validator.ValidateAsync(token, cancellationToken).ConfigureAwait(false);
        if (check.Token is not { } valid)
            return check;
        return await revocations.AskAsync(valid, cancellationToken).ConfigureAwait(false) switch
        {
            false => check,
            true => TokenCheck.Bad,
            null => TokenCheck.Unknown,
        };
    }
}
