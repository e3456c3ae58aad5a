using System.Text.Json;
using Aether.Domain;

namespace Aether.Application.Wire;

/// <summary>Reads fields of a payload.</summary>
internal static class PayloadFields
{
    /// <summary>A text; <see langword="null"/>: there is none, or it is something else.</summary>
    public static string? Text(this JsonElement payload, string name) =>
        payload.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    /// <summary>Whether a field is there and not null.</summary>
    public static bool Has(this JsonElement payload, string name, out JsonElement value) =>
        payload.TryGetProperty(name, out value) && value.ValueKind != JsonValueKind.Null;

    /// <summary>
    /// Reads a whole number that may be left out; within which bounds, whoever asked for it says. One that is too large is
    /// the largest.
    /// </summary>
    public static bool TryReadNumber(this JsonElement payload, string name, int otherwise, out int number)
    {
        number = otherwise;
        if (!payload.Has(name, out var value))
            return true;
        if (value.ValueKind != JsonValueKind.Number)
            return false;
        if (value.TryGetInt32(out number))
            return true;
        number = int.MaxValue;
        return Digits.AreAll(value.GetRawText());
    }

    /// <summary>Reads a whole number that may be left out.</summary>
    public static bool TryReadNumber(this JsonElement payload, string name, long from, long to, long otherwise, out long number)
    {
        number = otherwise;
        return !payload.Has(name, out var value)
            || (value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out number) && number >= from && number <= to);
    }
}
