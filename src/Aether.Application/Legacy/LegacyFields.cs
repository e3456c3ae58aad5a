using System.Text.Json;
using System.Text.Unicode;
using Aether.Application.Wire;
using Aether.Domain;

namespace Aether.Application.Legacy;

/// <summary>
/// The fields of a JSON object that say where a legacy message goes, whatever else is in it. Of one that is given twice the
/// last counts, as it did for V2.
/// </summary>
internal struct LegacyFields
{
    /// <summary>Direct, group or broadcast.</summary>
    public LegacyField Target { get; private set; }

    /// <summary>The group.</summary>
    public LegacyField GroupId { get; private set; }

    /// <summary>The receiver.</summary>
    public LegacyField ToId { get; private set; }

    /// <summary>The sender.</summary>
    public LegacyField FromId { get; private set; }

    /// <summary>What was said.</summary>
    public LegacyField Data { get; private set; }

    /// <summary>Reads them, if a text is exactly one JSON object. However deep that is: they stand on top.</summary>
    public static bool TryRead(ReadOnlySpan<byte> text, out LegacyFields fields)
    {
        fields = default;
        // Most of what legacy clients say is no JSON; an exception for each such text would cost more than sending it.
        var start = text.TrimStart(" \t\r\n"u8);
        if (start.IsEmpty || start[0] != (byte)'{' || !Utf8.IsValid(text))
            return false;
        var reader = new Utf8JsonReader(text, new JsonReaderOptions { MaxDepth = int.MaxValue });
        try
        {
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
                fields.Take(ref reader);
            // Whatever follows the object makes it something else.
            return !reader.Read();
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private void Take(ref Utf8JsonReader reader)
    {
        // A name with half a character is none of these.
        bool isName = MessageReader.IsSound(ref reader);
        if (isName && reader.ValueTextEquals("target"u8))
            Target = Value(ref reader);
        else if (isName && reader.ValueTextEquals("group_id"u8))
            GroupId = Value(ref reader);
        else if (isName && reader.ValueTextEquals("to_id"u8))
            ToId = Value(ref reader);
        else if (isName && reader.ValueTextEquals("from_id"u8))
            FromId = Value(ref reader);
        else if (isName && reader.ValueTextEquals("data"u8))
            Data = Value(ref reader);
        else
            reader.Skip();
    }

    private static LegacyField Value(ref Utf8JsonReader reader)
    {
        reader.Read();
        string? text = reader.TokenType == JsonTokenType.String && MessageReader.IsSound(ref reader)
            ? reader.GetString()
            : null;
        var field = new LegacyField(reader.TokenType != JsonTokenType.Null, text);
        reader.Skip();
        return field;
    }
}

/// <summary>One of them.</summary>
/// <param name="IsGiven">Whether it is there and not null.</param>
/// <param name="Text">What it says, if it is a text.</param>
internal readonly record struct LegacyField(bool IsGiven, string? Text)
{
    /// <summary>The id that it is; empty if it is none.</summary>
    public VisionId Id => VisionId.TryParse(Text, out var id) ? id : default;
}
