namespace Aether.Domain.Tokens;

/// <summary>A token that was found to be good: who its user is, what it grants, and until when.</summary>
/// <param name="Subject">Claim <c>sub</c>: the client that its user is.</param>
/// <param name="Id">Claim <c>jti</c>; <see langword="null"/>: it has none.</param>
/// <param name="IssuedAt">Claim <c>iat</c> (UTC); <see langword="null"/>: it does not say.</param>
/// <param name="ExpiresAt">Claim <c>exp</c> (UTC).</param>
/// <param name="Access">What it grants, and in which groups.</param>
/// <param name="Role">The only role that its user may take; <see langword="null"/>: any.</param>
/// <param name="Signer">Tells the key that it was signed with, and whom it is of and for, from others.</param>
internal sealed record Token(
    VisionId Subject,
    string? Id,
    DateTime? IssuedAt,
    DateTime ExpiresAt,
    Access Access,
    Role? Role,
    string Signer)
{
    /// <summary>The longest that is looked at, in characters.</summary>
    public const int MaxLength = 16_384;
}
