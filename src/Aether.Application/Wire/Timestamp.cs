using System.Text.Json;

namespace Aether.Application.Wire;

/// <summary>Reads and writes <c>sent_at</c>.</summary>
internal static class Timestamp
{
    /// <summary>The longest form written: <c>2026-01-01T00:00:00.0000000Z</c>.</summary>
    public const int MaxBytes = 28;

    /// <summary>Reads a time; one without an offset is UTC, whatever zone the machine is in.</summary>
    public static bool TryRead(ref Utf8JsonReader reader, out DateTime utc)
    {
        if (TryReadIso(ref reader, out utc))
            return true;
        // RFC 3339 also allows a blank or a small t between date and time and a small z, which the library does not.
        if (reader.ValueIsEscaped || reader.ValueSpan.Length is < 19 or > 40 || reader.ValueSpan[10] is not ((byte)' ' or (byte)'t' or (byte)'T'))
            return false;
        Span<byte> text = stackalloc byte[42];
        var quoted = text[..(reader.ValueSpan.Length + 2)];
        reader.ValueSpan.CopyTo(quoted[1..]);
        quoted[0] = quoted[^1] = (byte)'"';
        quoted[11] = (byte)'T';
        if (quoted[^2] == (byte)'z')
            quoted[^2] = (byte)'Z';
        var again = new Utf8JsonReader(quoted);
        return again.Read() && TryReadIso(ref again, out utc);
    }

    /// <summary>Writes a time in UTC, without zeros at the end of its fraction.</summary>
    /// <returns>How many bytes were written.</returns>
    public static int Write(DateTime utc, Span<byte> destination)
    {
        utc.TryFormat(destination, out int length, "yyyy-MM-ddTHH:mm:ss.fffffff", System.Globalization.CultureInfo.InvariantCulture);
        while (destination[length - 1] == (byte)'0')
            length--;
        if (destination[length - 1] == (byte)'.')
            length--;
        destination[length++] = (byte)'Z';
        return length;
    }

    private static bool TryReadIso(ref Utf8JsonReader reader, out DateTime utc)
    {
        if (reader.TryGetDateTime(out utc))
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
