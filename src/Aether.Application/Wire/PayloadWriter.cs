using System.Buffers;
using System.Text.Json;

namespace Aether.Application.Wire;

/// <summary>Makes the payload of a message: one JSON object in UTF-8.</summary>
internal static class PayloadWriter
{
    /// <summary>Makes it of what is written into the object.</summary>
    public static ReadOnlyMemory<byte> Write(Action<Utf8JsonWriter> write)
    {
        ArgumentNullException.ThrowIfNull(write);
        var buffer = new ArrayBufferWriter<byte>(128);
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            write(writer);
            writer.WriteEndObject();
        }
        return buffer.WrittenMemory;
    }
}
