using System.Buffers.Text;
using System.Text.Json;

namespace Aether.Application.Wire;

/// <summary>Whether names and texts are sound.</summary>
internal static partial class MessageReader
{
    /// <summary>
    /// Whether a name or a string has no half of a surrogate pair in its escapes. The JSON reader lets those pass and
    /// then throws when somebody asks for the text.
    /// </summary>
    internal static bool IsSound(ref Utf8JsonReader reader)
    {
        if (!reader.ValueIsEscaped || reader.TokenType is not (JsonTokenType.String or JsonTokenType.PropertyName))
            return true;
        var rest = reader.ValueSpan;
        bool afterHigh = false;
        while (true)
        {
            int at = rest.IndexOf((byte)'\\');
            if (at < 0)
                return !afterHigh;
            if (at > 0 && afterHigh)
                return false;
            if (rest[at + 1] != (byte)'u')
            {
                if (afterHigh)
                    return false;
                rest = rest[(at + 2)..];
                continue;
            }
            if (!Utf8Parser.TryParse(rest.Slice(at + 2, 4), out ushort unit, out _, 'X')
                || char.IsLowSurrogate((char)unit) != afterHigh)
                return false;
            afterHigh = char.IsHighSurrogate((char)unit);
            rest = rest[(at + 6)..];
        }
    }
}
