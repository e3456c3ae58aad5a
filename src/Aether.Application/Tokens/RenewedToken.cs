using Aether.Domain.Tokens;

namespace Aether.Application.Tokens;

/// <summary>The connection goes on by this token.</summary>
/// <param name="Token">It.</param>
internal sealed record RenewedToken(Token Token) : ConnectionTie;
