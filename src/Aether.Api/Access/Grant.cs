using Aether.Domain;
using Aether.Domain.Tokens;

namespace Aether.Api.Access;

/// <summary>What a credential grants.</summary>
/// <param name="Credential">
/// Tells the key from others, without being it; empty when none was asked for, or it is a token.
/// </param>
/// <param name="Access">What it grants.</param>
internal sealed record Grant(string Credential, Domain.Access Access)
{
    /// <summary>Stands for the credential of a user whom the host let in; no change of keys takes it away.</summary>
    public const string OfHost = "host";

    /// <summary>The only role that may be taken; <see langword="null"/>: any.</summary>
    public Role? Role { get; init; }

    /// <summary>The token, if it is one.</summary>
    public Token? Token { get; init; }

    /// <summary>What somebody is told whose token says somebody else.</summary>
    public const string OfAnother = "this token is another client's";

    /// <summary>Whether this client may use it. Whose a key is it does not say.</summary>
    public bool IsOf(VisionId client) => Token is null || Token.Subject == client;

    /// <summary>What a token grants.</summary>
    public static Grant Of(Token token) => new("", token.Access) { Role = token.Role, Token = token };
}
