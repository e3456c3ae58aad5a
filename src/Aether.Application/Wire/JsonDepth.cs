using System.Text.Json;

namespace Aether.Application.Wire;

/// <summary>How deep JSON nests.</summary>
internal static class JsonDepth
{
    /// <summary>Whether JSON, which is sound, has no more levels than so many, the outermost being the first.</summary>
    public static bool IsWithin(ReadOnlySpan<byte> json, int levels)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = MessageReader.MaxDepth });
        while (reader.Read())
        {
            if (reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray && reader.CurrentDepth >= levels)
                return false;
        }
        return true;
    }
}
