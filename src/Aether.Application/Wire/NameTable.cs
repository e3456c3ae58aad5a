using System.Text;
using System.Text.Json;

namespace Aether.Application.Wire;

/// <summary>How a value is spelled, in UTF-8.</summary>
internal delegate ReadOnlySpan<byte> Spelling<in T>(T value);

/// <summary>The names of the values of an enumeration, to be found by what was read.</summary>
/// <typeparam name="T">The enumeration.</typeparam>
internal sealed class NameTable<T>
    where T : struct, Enum
{
    private readonly byte[][] names;
    private readonly ushort[] keys;
    private readonly string[] texts;
    private readonly T[] values;

    /// <summary>Creates the table.</summary>
    /// <param name="spelling">How each value is spelled.</param>
    /// <param name="values">The values, in the order in which they are tried and told.</param>
    public NameTable(Spelling<T> spelling, T[] values)
    {
        this.values = values;
        names = Array.ConvertAll(values, value => spelling(value).ToArray());
        keys = Array.ConvertAll(names, static name => KeyOf(name));
        texts = Array.ConvertAll(names, Encoding.ASCII.GetString);
        Rule = "must be " + List(texts);
    }

    /// <summary>What a value must be, in words.</summary>
    public string Rule { get; }

    /// <summary>The values that have a name.</summary>
    public IReadOnlyList<T> Values => values;

    /// <summary>The names, in the order of the values.</summary>
    public IReadOnlyList<string> Names => texts;

    /// <summary>The name of a value.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It has none.</exception>
    public string this[T value] => Array.IndexOf(values, value) is >= 0 and var at
        ? texts[at]
        : throw new ArgumentOutOfRangeException(nameof(value), value, "has no name");

    /// <summary>Names in words: a, b or c.</summary>
    public static string List(params ReadOnlySpan<string> names) =>
        names is [.. { Length: > 0 } before, var last] ? string.Join(", ", before!) + " or " + last : names[0];

    /// <summary>Finds the value that a text names.</summary>
    public bool TryFind(string? text, out T value)
    {
        int at = Array.IndexOf(texts, text);
        value = at < 0 ? default : values[at];
        return at >= 0;
    }

    /// <summary>Finds the value that the string or the property name at hand names.</summary>
    public bool TryFind(ref Utf8JsonReader reader, out T value)
    {
        if (reader.ValueIsEscaped)
            return TryFindEscaped(ref reader, out value);
        var text = reader.ValueSpan;
        // Compared are mostly one name or none: this runs for each field of each message.
        ushort key = KeyOf(text);
        for (int at = Array.IndexOf(keys, key); at >= 0; at = Array.IndexOf(keys, key, at + 1))
        {
            if (!text.SequenceEqual(names[at]))
                continue;
            value = values[at];
            return true;
        }
        value = default;
        return false;
    }

    private bool TryFindEscaped(ref Utf8JsonReader reader, out T value)
    {
        for (int at = 0; at < names.Length; at++)
        {
            if (!reader.ValueTextEquals(names[at]))
                continue;
            value = values[at];
            return true;
        }
        value = default;
        return false;
    }

    // What tells names apart without comparing them: how long they are, and how they begin.
    private static ushort KeyOf(ReadOnlySpan<byte> name) =>
        name.IsEmpty ? (ushort)0 : (ushort)((name.Length << 8) | name[0]);
}
