using System.Buffers;
using System.Diagnostics.CodeAnalysis;

namespace Aether.Domain;

/// <summary>
/// The id of a client or a group: 1 to 64 of <c>A-Z a-z 0-9 _ -</c>, case-sensitive. A value other than
/// <see langword="default"/> always holds a valid one, so nothing behind the edge has to check again that an id is
/// no pattern, separator or line break before it becomes part of a Redis name.
/// </summary>
public readonly struct VisionId : IEquatable<VisionId>, IComparable<VisionId>, IComparable
{
    /// <summary>The longest id, in characters.</summary>
    public const int MaxLength = 64;

    /// <summary>What an id has to be, in words for an error message.</summary>
    public const string Rule = "must be 1 to 64 of A-Z a-z 0-9 _ -";

    private const string ServerName = "aether";

    private static readonly SearchValues<char> Allowed =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");

    private static readonly SearchValues<byte> AllowedUtf8 =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"u8);

    private readonly string? value;

    private VisionId(string value) => this.value = value;

    /// <summary>The sender of what the server says itself. No client can have this id.</summary>
    public static VisionId Server { get; } = new(ServerName);

    /// <summary>Whether this is <see langword="default"/>: no id at all.</summary>
    public bool IsEmpty => value is null;

    /// <summary>The id as text; empty for <see langword="default"/>.</summary>
    public string Value => value ?? "";

    /// <summary>Whether two ids are the same, by case.</summary>
    public static bool operator ==(VisionId left, VisionId right) => left.Equals(right);

    /// <summary>Whether two ids differ.</summary>
    public static bool operator !=(VisionId left, VisionId right) => !left.Equals(right);

    /// <summary>Whether one id sorts before another, by ordinal.</summary>
    public static bool operator <(VisionId left, VisionId right) => left.CompareTo(right) < 0;

    /// <summary>Whether one id sorts after another, by ordinal.</summary>
    public static bool operator >(VisionId left, VisionId right) => left.CompareTo(right) > 0;

    /// <summary>Whether one id sorts before another or is the same.</summary>
    public static bool operator <=(VisionId left, VisionId right) => left.CompareTo(right) <= 0;

    /// <summary>Whether one id sorts after another or is the same.</summary>
    public static bool operator >=(VisionId left, VisionId right) => left.CompareTo(right) >= 0;

    /// <summary>Reads an id from text. The reserved id <c>aether</c> is refused: see <see cref="Server"/>.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out VisionId id)
    {
        if (text is null or "" or ServerName || text.Length > MaxLength || text.AsSpan().ContainsAnyExcept(Allowed))
        {
            id = default;
            return false;
        }
        id = new VisionId(text);
        return true;
    }

    /// <summary>Reads an id from UTF-8. The reserved id <c>aether</c> is refused: see <see cref="Server"/>.</summary>
    public static bool TryParse(ReadOnlySpan<byte> utf8, out VisionId id)
    {
        if (utf8.Length is 0 or > MaxLength || utf8.ContainsAnyExcept(AllowedUtf8) || utf8.SequenceEqual("aether"u8))
        {
            id = default;
            return false;
        }
        id = new VisionId(string.Create(utf8.Length, utf8, static (chars, bytes) =>
        {
            for (int i = 0; i < bytes.Length; i++)
                chars[i] = (char)bytes[i];
        }));
        return true;
    }

    /// <summary>Reads who something is from: the id of a client, or <see cref="Server"/>.</summary>
    internal static bool TryParseSender([NotNullWhen(true)] string? text, out VisionId id)
    {
        if (text != ServerName)
            return TryParse(text, out id);
        id = Server;
        return true;
    }

    /// <summary>Reads an id that is known to be valid, such as one in code.</summary>
    /// <exception cref="FormatException">The text is no Vision ID.</exception>
    public static VisionId Parse(string text) =>
        TryParse(text, out var id) ? id : throw new FormatException("A Vision ID " + Rule + ", and not 'aether'.");

    /// <summary>Whether the id is spelled by these bytes.</summary>
    public bool Is(ReadOnlySpan<byte> utf8) =>
        value is not null && utf8.Length == value.Length && System.Text.Ascii.Equals(utf8, value);

    /// <inheritdoc/>
    public bool Equals(VisionId other) => string.Equals(value, other.value, StringComparison.Ordinal);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is VisionId other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => value?.GetHashCode(StringComparison.Ordinal) ?? 0;

    /// <inheritdoc/>
    public int CompareTo(VisionId other) => string.CompareOrdinal(value, other.value);

    /// <inheritdoc/>
    int IComparable.CompareTo(object? obj) => obj switch
    {
        VisionId other => CompareTo(other),
        // As everywhere: nothing comes before something.
        null => 1,
        _ => throw new ArgumentException("must be a Vision ID", nameof(obj)),
    };

    /// <summary>The id as text; empty for <see langword="default"/>.</summary>
    public override string ToString() => Value;
}
