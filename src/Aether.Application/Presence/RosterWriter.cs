using System.Text.Json;
using Aether.Application.Wire;

namespace Aether.Application.Presence;

/// <summary>Writes a page of members as JSON: one shape for the roster frame and for the HTTP API.</summary>
internal static class RosterWriter
{
    /// <summary>Writes <c>members</c> and <c>total</c> into the object that is open.</summary>
    public static void WritePage(Utf8JsonWriter writer, RosterPage page)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(page);
        writer.WriteStartArray("members"u8);
        foreach (var member in page.Members)
        {
            writer.WriteStartObject();
            MemberWriter.WriteMember(writer, member);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
        writer.WriteNumber("total"u8, page.Total);
    }

    /// <summary>The page as the payload of a message, which many answers may share.</summary>
    public static ReadOnlyMemory<byte> Payload(RosterPage page) =>
        PayloadWriter.Write(writer => WritePage(writer, page));
}
