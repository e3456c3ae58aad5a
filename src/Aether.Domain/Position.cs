using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Aether.Domain;

/// <summary>
/// A place in the stream of a channel's kept messages, spelled <c>epoch:seq</c>. Seq counts the kept messages from 1 without
/// holes; 0 is the place before the first. Epoch is another one whenever the stream was lost, so that an old number is
/// never taken for a new one. A value other than <see langword="default"/> always holds a valid one.
/// </summary>
public readonly struct Position : IEquatable<Position>
{
    /// <summary>The longest epoch, in characters.</summary>
    public const int MaxEpochLength = 16;

    /// <summary>The highest number: more than this a double, and so a script or a browser, cannot count.</summary>
    public const long MaxSeq = (1L << 53) - 1;

    /// <summary>The longest position, in bytes.</summary>
    public const int MaxBytes = MaxEpochLength + 1 + 16;

    /// <summary>What a position has to be, in words for an error message.</summary>
    public const string Rule = "must be a position as epoch:seq, such as a message's pos";

    private readonly string? epoch;

    /// <summary>Creates a position.</summary>
    /// <exception cref="ArgumentException">The epoch or the number is none.</exception>
    public Position(string epoch, long seq)
    {
        if (!IsEpoch(epoch))
            throw new ArgumentException("must be 1 to 16 of A-Z a-z 0-9", nameof(epoch));
        if (seq is < 0 or > MaxSeq)
            throw new ArgumentException("must be 0 to 2^53 - 1", nameof(seq));
        this.epoch = epoch;
        Seq = seq;
    }

    /// <summary>Which life of the stream; empty for <see langword="default"/>.</summary>
    public string Epoch => epoch ?? "";

    /// <summary>How many messages were kept in it up to here.</summary>
    public long Seq { get; }

    /// <summary>Whether this is <see langword="default"/>: no position at all.</summary>
    public bool IsEmpty => epoch is null;

    /// <summary>Whether two positions are the same.</summary>
    public static bool operator ==(Position left, Position right) => left.Equals(right);

    /// <summary>Whether two positions differ.</summary>
    public static bool operator !=(Position left, Position right) => !left.Equals(right);

    /// <summary>Reads a position from text.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out Position position)
    {
        position = default;
        if (text is null || text.Length > MaxBytes)
            return false;
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0 || !IsEpoch(text.AsSpan(0, colon)) || !TryParseSeq(text.AsSpan(colon + 1), out long seq))
            return false;
        position = new Position(text[..colon], seq);
        return true;
    }

    /// <summary>The position of a later or earlier message in the same epoch.</summary>
    public Position At(long seq) => new(Epoch, seq);

    /// <inheritdoc/>
    public bool Equals(Position other) => Seq == other.Seq && string.Equals(epoch, other.epoch, StringComparison.Ordinal);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Position other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(epoch, Seq);

    /// <summary>The position as it is spelled; empty for <see langword="default"/>.</summary>
    public override string ToString() =>
        IsEmpty ? "" : string.Create(CultureInfo.InvariantCulture, $"{epoch}:{Seq}");

    private static bool IsEpoch(ReadOnlySpan<char> text)
    {
        if (text.Length is 0 or > MaxEpochLength)
            return false;
        foreach (char c in text)
        {
            if (!char.IsAsciiLetterOrDigit(c))
                return false;
        }
        return true;
    }

    // One spelling for each number: positions are compared as text elsewhere.
    private static bool TryParseSeq(ReadOnlySpan<char> text, out long seq) =>
        Digits.TryParse(text, out seq)
        && seq <= MaxSeq && (text.Length == 1 || text[0] != '0');
}
