using System.Buffers;
using System.Globalization;
using System.Text.Json;

namespace Aether.Application.Wire;

/// <summary>Reads and writes <c>sent_at</c>.</summary>
internal static class Timestamp
{
    /// <summary>The longest form written: <c>2026-01-01T00:00:00.0000000Z</c>.</summary>
    public const int MaxBytes = 28;

    // Longer than any time with a fraction that the library reads; the rest of a longer string is not worth a look.
    private const int MaxTextBytes = 40;

    private static readonly SearchValues<byte> TimeCharacters = SearchValues.Create("0123456789-:.+TtZz "u8);

    /// <summary>Reads a time; one without an offset is UTC, whatever zone the machine is in.</summary>
    public static bool TryRead(ref Utf8JsonReader reader, out DateTime utc)
    {
        if (!reader.ValueIsEscaped && TryReadIso(ref reader, out utc))
            return true;
        utc = default;
        // RFC 3339 also allows a blank or a small t between date and time and a small z, which the library does not.
        if (reader.ValueSpan.Length > 6 * MaxTextBytes)
            return false;
        Span<byte> text = stackalloc byte[(6 * MaxTextBytes) + 2];
        var plain = text.Slice(1, reader.CopyString(text[1..]));
        // Whatever else an escape spelled could end the string that is read again.
        if (plain.Length is < 10 or > MaxTextBytes || plain.ContainsAnyExcept(TimeCharacters))
            return false;
        if (plain.Length > 10 && plain[10] is (byte)' ' or (byte)'t')
            plain[10] = (byte)'T';
        if (plain[^1] == (byte)'z')
            plain[^1] = (byte)'Z';
        text[0] = text[plain.Length + 1] = (byte)'"';
        var again = new Utf8JsonReader(text[..(plain.Length + 2)]);
        return again.Read() && TryReadIso(ref again, out utc);
    }

    /// <summary>Writes a time in UTC, without zeros at the end of its fraction.</summary>
    /// <returns>How many bytes were written.</returns>
    public static int Write(DateTime utc, Span<byte> destination)
    {
        utc.TryFormat(destination, out int length, "yyyy-MM-ddTHH:mm:ss.fffffff", CultureInfo.InvariantCulture);
        while (destination[length - 1] == (byte)'0')
            length--;
        if (destination[length - 1] == (byte)'.')
            length--;
        destination[length++] = (byte)'Z';
        return length;
    }

    private static bool TryReadIso(ref Utf8JsonReader reader, out DateTime utc)
    {
        // The library takes a point that no digit follows; no standard does.
        var text = reader.ValueSpan;
        int point = text.IndexOf((byte)'.');
        bool sound = point < 0 || (point + 1 < text.Length && char.IsAsciiDigit((char)text[point + 1]));
        if (reader.TryGetDateTime(out utc) && sound)
        {
            switch (utc.Kind)
            {
                case DateTimeKind.Utc:
                    return true;
                case DateTimeKind.Unspecified:
                    utc = DateTime.SpecifyKind(utc, DateTimeKind.Utc);
                    return true;
                default:
                    if (reader.TryGetDateTimeOffset(out var offset))
                    {
                        utc = offset.UtcDateTime;
                        return true;
                    }
                    break;
            }
        }
        return false;
    }
}
