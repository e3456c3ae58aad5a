using System.Text.Json;
using Aether.Application.Ports;
using Aether.Domain;

namespace Aether.Application.Wire;

/// <summary>Writes what is kept as JSON: one shape for answers to clients and for the HTTP API.</summary>
internal static class HistoryWriter
{
    /// <summary>Writes <c>messages</c>, <c>pos</c> and <c>complete</c> into the object that is open.</summary>
    /// <param name="writer">Where to.</param>
    /// <param name="page">What was read.</param>
    /// <param name="maxBytes">How long the messages may be together; one there is always.</param>
    /// <param name="isWanted">Which of them; all, if there is none.</param>
    /// <returns>How many messages there are.</returns>
    public static int WritePage(Utf8JsonWriter writer, HistoryPage page, int maxBytes, Func<Message, bool>? isWanted = null)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(page);
        int count = 0;
        long bytes = 0;
        var to = page.From;
        bool isCut = false;
        writer.WriteStartArray("messages"u8);
        foreach (var message in page.Messages)
        {
            if (isWanted is null || isWanted(message))
            {
                var written = MessageWriter.WriteToScratch(message);
                bytes += written.Length + 1;
                if (bytes > maxBytes && count > 0)
                {
                    isCut = true;
                    break;
                }
                writer.WriteRawValue(written, skipInputValidation: true);
                count++;
            }
            to = message.Position;
        }
        writer.WriteEndArray();
        WritePosition(writer, "pos"u8, to);
        writer.WriteBoolean("complete"u8, page.IsComplete && !isCut);
        if (page.Status > HistoryStatus.Found)
            writer.WriteString("reason"u8, NameOf(page.Status));
        return count;
    }

    /// <summary>How a channel is called towards those who hear it.</summary>
    public static string NameOf(ChannelKind kind) => kind switch
    {
        ChannelKind.Group => "group",
        ChannelKind.Client => "client",
        ChannelKind.Broadcast => "broadcast",
        ChannelKind.Trace => throw new ArgumentOutOfRangeException(nameof(kind), kind, "no client hears it"),
    };

    /// <summary>The member <c>kept</c>: which types of messages are kept, and for how long.</summary>
    public static void WriteKept(Utf8JsonWriter w, HistoryOptions kept)
    {
        w.WriteStartObject("kept"u8);
        w.WriteStartArray("types"u8);
        if (kept.Keeps(MessageType.Cmd))
            w.WriteStringValue(WireNames.Types[MessageType.Cmd]);
        if (kept.Keeps(MessageType.Msg))
            w.WriteStringValue(WireNames.Types[MessageType.Msg]);
        w.WriteEndArray();
        w.WriteNumber("ttl_ms"u8, (long)kept.Ttl.Value.TotalMilliseconds);
        w.WriteEndObject();
    }

    /// <summary>How it is called that something is lost.</summary>
    public static string NameOf(HistoryStatus lost) => lost switch
    {
        HistoryStatus.Trimmed => "trimmed",
        HistoryStatus.Expired => "expired",
        HistoryStatus.TooMany => "too_many",
        HistoryStatus.Epoch => "epoch",
        HistoryStatus.Found or HistoryStatus.Unavailable =>
            throw new ArgumentOutOfRangeException(nameof(lost), lost, "nothing is lost"),
    };

    internal static void WritePositions(Utf8JsonWriter writer, ChannelPositions positions)
    {
        writer.WriteStartObject("positions"u8);
        WritePosition(writer, "group"u8, positions.Group);
        WritePosition(writer, "client"u8, positions.Client);
        WritePosition(writer, "broadcast"u8, positions.Broadcast);
        writer.WriteEndObject();
    }

    private static void WritePosition(Utf8JsonWriter writer, ReadOnlySpan<byte> name, Position position)
    {
        if (position.IsEmpty)
            writer.WriteNull(name);
        else
            writer.WriteString(name, position.ToString());
    }
}
