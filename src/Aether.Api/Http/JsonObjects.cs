using System.Buffers;
using System.Text.Json;

namespace Aether.Api.Http;

/// <summary>
/// Answers that are written by hand: the host's serializer may drop nulls and zeros, and a member's state is JSON already.
/// </summary>
internal static class JsonObjects
{
    /// <summary>Answers with one object.</summary>
    public static IResult Answer(Action<Utf8JsonWriter> write, int status = StatusCodes.Status200OK)
    {
        var buffer = new ArrayBufferWriter<byte>(1_024);
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            write(writer);
            writer.WriteEndObject();
        }
        return status == StatusCodes.Status200OK
            ? Results.Bytes(buffer.WrittenMemory, "application/json")
            : Results.Text(buffer.WrittenSpan, "application/json", status);
    }
}
