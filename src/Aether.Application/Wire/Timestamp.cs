using System.Globalization;
using System.Text.Json;

namespace Aether.Application.Wire;

/// <summary>
/// Reads and writes <c>sent_at</c>: the forms of RFC 3339, and those of ISO 8601 that common libraries write.
/// </summary>
internal static class Timestamp
{
    /// <summary>The forms that are read, in words for an error message.</summary>
    public const string Rule =
        "must be an RFC 3339 time, or ISO 8601 with offset +hhmm, +hh or none, no seconds, or a comma";

    /// <summary>The longest form written: <c>2026-01-01T00:00:00.0000000Z</c>.</summary>
    public const int MaxBytes = 28;

    /// <summary>The longest form read: <c>2026-01-01T00:00:00.000000000+00:00</c>.</summary>
    private const int MaxTextBytes = 35;

    private const int MaxFractionDigits = 9;

    /// <summary>How many digits of a fraction a tick can tell.</summary>
    private const int TickDigits = 7;

    /// <summary>Reads a time; one without an offset is UTC, whatever zone the machine is in.</summary>
    public static bool TryRead(ref Utf8JsonReader reader, out DateTime utc)
    {
        if (!reader.ValueIsEscaped)
            return TryRead(reader.ValueSpan, out utc);
        utc = default;
        if (reader.ValueSpan.Length > 6 * MaxTextBytes)
            return false;
        Span<byte> text = stackalloc byte[6 * MaxTextBytes];
        return TryRead(text[..reader.CopyString(text)], out utc);
    }

    /// <summary>Reads a time as its sender wrote it.</summary>
    public static bool TryRead(ReadOnlySpan<byte> text, out DateTime utc)
    {
        utc = default;
        if (text.Length > MaxTextBytes)
            return false;
        var rest = new Rest(text);
        if (!rest.Number(4, out int year) || !rest.Skip((byte)'-')
            || !rest.Number(2, out int month) || !rest.Skip((byte)'-') || !rest.Number(2, out int day)
            || year == 0 || month is 0 or > 12 || day == 0 || day > DateTime.DaysInMonth(year, month))
            return false;
        int hour = 0, minute = 0, second = 0, fraction = 0, offset = 0;
        // A date alone is its first moment.
        if (!rest.IsEmpty
            && !(rest.ClockTime(out hour, out minute, out second, out fraction) && rest.Offset(out offset)))
            return false;
        bool isLeap = second == 60;
        long ticks = new DateTime(year, month, day, hour, minute, isLeap ? 59 : second, DateTimeKind.Utc).Ticks
            - (offset * TimeSpan.TicksPerMinute);
        if (isLeap)
        {
            // Only there can one be. It is written as the second after it: no clock here has a name for it.
            if (ticks / TimeSpan.TicksPerMinute % 60 != 59)
                return false;
            ticks += TimeSpan.TicksPerSecond;
        }
        ticks += fraction;
        if (ticks < DateTime.MinValue.Ticks || ticks > DateTime.MaxValue.Ticks)
            return false;
        utc = new DateTime(ticks, DateTimeKind.Utc);
        return true;
    }

    /// <summary>Writes a time in UTC, without zeros at the end of its fraction.</summary>
    /// <returns>How many bytes were written.</returns>
    public static int Write(DateTime utc, Span<byte> destination)
    {
        // Every message has one, and this form is the one that is written without reading a pattern first.
        DateTime.SpecifyKind(utc, DateTimeKind.Utc)
            .TryFormat(destination, out int length, "O", CultureInfo.InvariantCulture);
        length--;
        while (destination[length - 1] == (byte)'0')
            length--;
        if (destination[length - 1] == (byte)'.')
            length--;
        destination[length++] = (byte)'Z';
        return length;
    }

    /// <summary>What is left to be read of a time.</summary>
    private ref struct Rest(ReadOnlySpan<byte> text)
    {
        private ReadOnlySpan<byte> text = text;

        public readonly bool IsEmpty => text.IsEmpty;

        public bool Number(int digits, out int number)
        {
            number = 0;
            if (text.Length < digits)
                return false;
            foreach (byte digit in text[..digits])
            {
                if (!char.IsAsciiDigit((char)digit))
                    return false;
                number = (number * 10) + (digit - '0');
            }
            text = text[digits..];
            return true;
        }

        public bool Skip(byte mark) => Skip(mark, mark);

        /// <summary><c>T08:30</c>, <c>T08:30:00</c>, <c>T08:30:00.123</c>; the fraction in ticks.</summary>
        public bool ClockTime(out int hour, out int minute, out int second, out int fraction)
        {
            (hour, minute, second, fraction) = (0, 0, 0, 0);
            if (!(Skip((byte)'T', (byte)'t') || Skip((byte)' '))
                || !Number(2, out hour) || hour > 23 || !Skip((byte)':') || !Number(2, out minute) || minute > 59)
                return false;
            if (!Skip((byte)':'))
                return true;
            if (!Number(2, out second) || second > 60)
                return false;
            return !Skip((byte)'.', (byte)',') || Fraction(out fraction);
        }

        /// <summary><c>Z</c>, <c>+01:00</c>, <c>+0100</c>, <c>+01</c> or nothing, up to the end; in minutes.</summary>
        public bool Offset(out int minutes)
        {
            minutes = 0;
            if (text.IsEmpty || Skip((byte)'Z', (byte)'z'))
                return text.IsEmpty;
            bool west = text[0] == (byte)'-';
            if (!Skip((byte)'+', (byte)'-') || !Number(2, out int hours) || hours > 23)
                return false;
            int beyond = 0;
            // A colon has minutes after it.
            if ((Skip((byte)':') || !text.IsEmpty) && (!Number(2, out beyond) || beyond > 59))
                return false;
            minutes = (hours * 60) + beyond;
            if (west)
                minutes = -minutes;
            return text.IsEmpty;
        }

        private bool Fraction(out int ticks)
        {
            ticks = 0;
            int digits = 0;
            while (digits < text.Length && char.IsAsciiDigit((char)text[digits]))
            {
                // What is below a tick is cut off: rounding could make it another second.
                if (digits < TickDigits)
                    ticks = (ticks * 10) + (text[digits] - '0');
                digits++;
            }
            for (int known = digits; known < TickDigits; known++)
                ticks *= 10;
            text = text[digits..];
            return digits is > 0 and <= MaxFractionDigits;
        }

        private bool Skip(byte mark, byte orMark)
        {
            if (text.IsEmpty || (text[0] != mark && text[0] != orMark))
                return false;
            text = text[1..];
            return true;
        }
    }
}
