using System.Globalization;
using System.Numerics;

namespace Aether.Domain;

/// <summary>Numbers as the protocol spells them: nothing but digits.</summary>
internal static class Digits
{
    /// <summary>Whether a text is a number, however large.</summary>
    public static bool AreAll(ReadOnlySpan<char> text) =>
        !text.IsEmpty && !text.ContainsAnyExceptInRange('0', '9');

    /// <summary>
    /// Reads a number of digits alone. The runtime's own readers let zero characters follow, so that one number has many
    /// spellings.
    /// </summary>
    public static bool TryParse<T>(ReadOnlySpan<char> text, out T number)
        where T : struct, INumber<T>
    {
        number = default;
        return AreAll(text) && T.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }
}
