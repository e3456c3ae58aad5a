using System.Text;

namespace Aether.Load.Traffic;

/// <summary>What every message carries, so that whoever gets it can tell whose it is and whether it is the next one.</summary>
/// <param name="Probe">Sent to find out whether receivers are ready; not checked.</param>
/// <param name="Sender">Number of the sender.</param>
/// <param name="Sequence">Number of the message, from 0.</param>
/// <param name="Due">When it was due, in ns of the driver's clock.</param>
internal readonly record struct Stamp(bool Probe, int Sender, uint Sequence, long Due)
{
    /// <summary>Characters of a stamp: kind, 6 hexadecimal digits of the sender, 8 of the sequence, 12 of the time.</summary>
    public const int Length = 1 + SenderDigits + SequenceDigits + TimeDigits;

    /// <summary>The shortest payload that has room for a stamp.</summary>
    public const int ShortestPayload = 15 + Length + 2;

    private const int SenderDigits = 6, SequenceDigits = 8, TimeDigits = 12;
    private const string Digits = "0123456789abcdef";

    /// <summary>What is in front of a stamp, however the rest of a message looks.</summary>
    public static ReadOnlySpan<byte> Mark => "\"m\":\""u8;

    /// <summary>A JSON object of that many bytes with room for a stamp.</summary>
    public static string Payload(int bytes)
    {
        var pad = new StringBuilder(bytes);
        for (int i = 0; i < bytes - ShortestPayload; i++)
            pad.Append(Digits[i % Digits.Length]);
        return $"{{\"m\":\"{new string('0', Length)}\",\"pad\":\"{pad}\"}}";
    }

    /// <summary>Writes it as <see cref="Length"/> characters.</summary>
    public void Write(Span<byte> target)
    {
        target[0] = Probe ? (byte)'p' : (byte)'m';
        Hexadecimal(target.Slice(1, SenderDigits), Sender);
        Hexadecimal(target.Slice(1 + SenderDigits, SequenceDigits), Sequence);
        Hexadecimal(target.Slice(1 + SenderDigits + SequenceDigits, TimeDigits), Due);
    }

    /// <summary>Takes the next stamp out of a message, and steps behind it.</summary>
    /// <exception cref="InvalidDataException">There is a mark, but no stamp.</exception>
    public static bool TryTake(ref ReadOnlySpan<byte> message, out Stamp stamp)
    {
        stamp = default;
        int at = message.IndexOf(Mark);
        if (at < 0)
            return false;
        var text = message[(at + Mark.Length)..];
        if (text.Length < Length || text[0] is not ((byte)'p' or (byte)'m'))
            throw new InvalidDataException("a message with a broken stamp");
        stamp = new Stamp(
            text[0] == (byte)'p',
            (int)Number(text.Slice(1, SenderDigits)),
            (uint)Number(text.Slice(1 + SenderDigits, SequenceDigits)),
            Number(text.Slice(1 + SenderDigits + SequenceDigits, TimeDigits)));
        message = text[Length..];
        return true;
    }

    private static void Hexadecimal(Span<byte> target, long value)
    {
        for (int i = target.Length - 1; i >= 0; i--, value >>= 4)
            target[i] = (byte)Digits[(int)(value & 0xf)];
    }

    private static long Number(ReadOnlySpan<byte> digits)
    {
        long value = 0;
        foreach (byte digit in digits)
            value = (value << 4) | (uint)((digit & 0xf) + ((digit >> 6) * 9)); // letters have bit 6, and 'a' ends in 1
        return value;
    }
}
