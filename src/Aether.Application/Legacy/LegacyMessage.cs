using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text.Encodings.Web;
using System.Text.Json;
using Aether.Domain;

namespace Aether.Application.Legacy;

/// <summary>
/// What a V1 or V2 client said, and where it goes. On the shared channel it is
/// <c>{"target","group_id","to_id","from_id","data"}</c>, as instances of V2 wrote it.
/// </summary>
/// <param name="Target">Direct, group or broadcast.</param>
/// <param name="GroupId">The group that it goes to, or came from.</param>
/// <param name="ToId">The receiver of a direct message; empty otherwise.</param>
/// <param name="FromId">Who said it.</param>
/// <param name="Data">The text, in UTF-8, as it was said.</param>
internal sealed record LegacyMessage(
    Target Target, VisionId GroupId, VisionId ToId, VisionId FromId, ReadOnlyMemory<byte> Data)
{
    private static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>
    /// Reads where a client's text goes: a JSON object may say so in <c>target</c>; any other text goes to the group.
    /// </summary>
    /// <param name="group">The sender's group.</param>
    /// <param name="client">The sender.</param>
    /// <param name="text">What it sent, in UTF-8.</param>
    /// <returns>
    /// <see langword="null"/>: it names somebody whom there cannot be, and a word to one is not for everybody.
    /// </returns>
    public static LegacyMessage? FromClient(VisionId group, VisionId client, ReadOnlyMemory<byte> text)
    {
        var toGroup = new LegacyMessage(Target.Group, group, default, client, text);
        if (!LegacyFields.TryRead(text.Span, out var frame))
            return toGroup;
        return frame.Target.Text switch
        {
            "direct" when frame.ToId.IsGiven => frame.ToId.Id is { IsEmpty: false } to
                ? toGroup with { Target = Target.Direct, ToId = to }
                : null,
            "group" when frame.GroupId.IsGiven => frame.GroupId.Id is { IsEmpty: false } other
                ? toGroup with { GroupId = other }
                : null,
            "broadcast" => toGroup with { Target = Target.Broadcast },
            _ => toGroup,
        };
    }

    /// <summary>Reads a message of the shared channel, where anybody may have written.</summary>
    public static bool TryRead(ReadOnlyMemory<byte> json, [NotNullWhen(true)] out LegacyMessage? message)
    {
        message = null;
        if (!LegacyFields.TryRead(json.Span, out var envelope))
            return false;
        Target? target = envelope.Target.Text switch
        {
            "direct" => Domain.Target.Direct,
            "group" => Domain.Target.Group,
            "broadcast" => Domain.Target.Broadcast,
            _ => null,
        };
        var (group, to) = (envelope.GroupId.Id, envelope.ToId.Id);
        if (target is not { } where || envelope.Data.Text is not { } data
            || (where == Domain.Target.Group && group.IsEmpty) || (where == Domain.Target.Direct && to.IsEmpty))
            return false;
        message = new LegacyMessage(where, group, to, envelope.FromId.Id, System.Text.Encoding.UTF8.GetBytes(data));
        return true;
    }

    /// <summary>Writes the message as the shared channel has it.</summary>
    public byte[] Write()
    {
        var buffer = new ArrayBufferWriter<byte>(Data.Length + 256);
        using (var writer = new Utf8JsonWriter(buffer, Plain))
        {
            writer.WriteStartObject();
            writer.WriteString("target"u8, Target switch
            {
                Target.Direct => "direct"u8,
                Target.Broadcast => "broadcast"u8,
                Target.Group => "group"u8,
                Target.Role or Target.Echo => throw new InvalidOperationException("legacy clients have neither"),
            });
            WriteId(writer, "group_id"u8, GroupId);
            WriteId(writer, "to_id"u8, ToId);
            WriteId(writer, "from_id"u8, FromId);
            writer.WriteString("data"u8, Data.Span);
            writer.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();
    }

    private static void WriteId(Utf8JsonWriter writer, ReadOnlySpan<byte> name, VisionId id)
    {
        if (id.IsEmpty)
            writer.WriteNull(name);
        else
            writer.WriteString(name, id.Value);
    }
}
