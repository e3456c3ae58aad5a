using System.Text.Json;

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

    /// <summary>Reads a whole number that may be left out; within which bounds, whoever asked for it says.</summary>
    public static bool TryReadNumber(this JsonElement payload, string name, int otherwise, out int number)
    {
        number = otherwise;
        return !payload.Has(name, out var value)
            || (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out number));
    }

    /// <summary>Reads a whole number that may be left out.</summary>
    public static bool TryReadNumber(this JsonElement payload, string name, long from, long to, long otherwise, out long number)
    {
        number = otherwise;
        return !payload.Has(name, out var value)
            || (value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out number) && number >= from && number <= to);
    }
}
