using System.Text.Json;

namespace Aether.Application.Wire;

/// <summary>What can be told of a message that is refused.</summary>
internal static partial class MessageReader
{
    /// <summary>The id of a message that is refused, wherever in it that stands: who asked has to know what was refused.</summary>
    private static string? FindId(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = int.MaxValue });
        try
        {
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
                return null;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                bool isId = IsSound(ref reader) && reader.ValueTextEquals(WireNames.Fields[MessageField.Id]);
                reader.Read();
                if (isId && reader.TokenType == JsonTokenType.String && IsSound(ref reader)
                    && reader.GetString() is var id && IsId(id))
                    return id;
                reader.Skip();
            }
        }
        catch (JsonException)
        {
            // It breaks off; what comes behind that is nobody's.
        }
        return null;
    }
}
