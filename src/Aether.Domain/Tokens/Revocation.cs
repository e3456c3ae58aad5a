using System.Diagnostics.CodeAnalysis;

namespace Aether.Domain.Tokens;

/// <summary>
/// Takes tokens back before their end: the one of an id, or all those of a client that were issued before a time.
/// </summary>
internal sealed record Revocation
{
    /// <summary>The longest id of a token that can be taken back.</summary>
    public const int MaxIdLength = 256;

    /// <summary>What the id of a token has to be, in words for an error message.</summary>
    public const string IdRule = "must be 1 to 256 characters, none of them a control character";

    /// <summary>How far ahead the time may be that a client's tokens were issued before.</summary>
    public static readonly TimeSpan MaxAhead = TimeSpan.FromDays(1);

    private Revocation()
    {
    }

    /// <summary>The id of the token; <see langword="null"/>: it is about a client's.</summary>
    public string? TokenId { get; private init; }

    /// <summary>The client; empty: it is about one token.</summary>
    public VisionId Subject { get; private init; }

    /// <summary>The client's tokens from before this (UTC), in whole milliseconds.</summary>
    public DateTime IssuedBefore { get; private init; }

    /// <summary>How long ago that was, when it was read; zero for one that is made just now.</summary>
    public TimeSpan Age { get; init; }

    /// <summary>Whether a token of this id can be taken back by it.</summary>
    public static bool IsTokenId([NotNullWhen(true)] string? text) =>
        text is { Length: >= 1 and <= MaxIdLength } && !text.Any(char.IsControl) && IsWellFormed(text);

    /// <summary>Of one token.</summary>
    /// <param name="id">Its claim <c>jti</c>.</param>
    public static Revocation Of(string id) => new() { TokenId = id };

    /// <summary>Of all tokens of a client that were issued before a time.</summary>
    /// <param name="subject">Their claim <c>sub</c>.</param>
    /// <param name="issuedBefore">The time (UTC); it is rounded up to a millisecond, so that none is left out.</param>
    public static Revocation Of(VisionId subject, DateTime issuedBefore) =>
        new() { Subject = subject, IssuedBefore = RoundUp(issuedBefore) };

    private static DateTime RoundUp(DateTime time)
    {
        long beyond = time.Ticks % TimeSpan.TicksPerMillisecond;
        return beyond == 0 || time.Ticks > DateTime.MaxValue.Ticks - TimeSpan.TicksPerMillisecond
            ? time
            : time.AddTicks(TimeSpan.TicksPerMillisecond - beyond);
    }

    // Half a surrogate pair would be another id in UTF-8.
    private static bool IsWellFormed(string text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i]))
                continue;
            if (i + 1 == text.Length || !char.IsSurrogatePair(text[i], text[i + 1]))
                return false;
            i++;
        }
        return true;
    }
}
