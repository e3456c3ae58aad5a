namespace Aether.Domain.Tokens;

/// <summary>
/// Takes tokens back before their end: the one of an id, or all those of a client that were issued before a time.
/// </summary>
internal sealed record Revocation
{
    /// <summary>The longest id of a token that can be taken back.</summary>
    public const int MaxIdLength = 256;

    private Revocation()
    {
    }

    /// <summary>The id of the token; <see langword="null"/>: it is about a client's.</summary>
    public string? TokenId { get; private init; }

    /// <summary>The client; empty: it is about one token.</summary>
    public VisionId Subject { get; private init; }

    /// <summary>The client's tokens from before this (UTC).</summary>
    public DateTime IssuedBefore { get; private init; }

    /// <summary>Of one token.</summary>
    /// <param name="id">Its claim <c>jti</c>.</param>
    public static Revocation Of(string id) => new() { TokenId = id };

    /// <summary>Of all tokens of a client that were issued before a time.</summary>
    /// <param name="subject">Their claim <c>sub</c>.</param>
    /// <param name="issuedBefore">The time (UTC).</param>
    public static Revocation Of(VisionId subject, DateTime issuedBefore) =>
        new() { Subject = subject, IssuedBefore = issuedBefore };

    /// <summary>Whether it takes this one back. A token that does not say when it was issued may be any.</summary>
    public bool Covers(Token token) => TokenId is null
        ? token.Subject == Subject && (token.IssuedAt is not { } issued || issued < IssuedBefore)
        : token.Id == TokenId;
}
