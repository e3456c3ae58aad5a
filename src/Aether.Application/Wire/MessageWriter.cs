using System.Buffers;
using System.Text;
using Aether.Domain;

namespace Aether.Application.Wire;

/// <summary>
/// Writes a message as canonical JSON: the ten fields of the seed in their order, null where empty, then <c>id</c> and
/// <c>reply_to</c> if the message has them. The payload is copied as it came.
/// </summary>
public static class MessageWriter
{
    // Names, quotes, commas, Vision IDs and time of one message (385 at most); what is of any length comes on top.
    private const int FixedBytes = 400;

    private static readonly SearchValues<byte> Escaped = SearchValues.Create(
        [.. Enumerable.Range(0, 0x20).Select(i => (byte)i), (byte)'"', (byte)'\\']);

    [ThreadStatic]
    private static byte[]? scratch;

    /// <summary>Writes a message into one array of its exact size.</summary>
    public static byte[] Write(Message message) => WriteToScratch(message).ToArray();

    /// <summary>Writes a message into memory that belongs to this thread, and is good until its next call.</summary>
    internal static ReadOnlySpan<byte> WriteToScratch(Message message)
    {
        // A char becomes at most six bytes: \u001f. What is not escaped has at most three.
        int chars = Length(message.Cmd) + Length(message.Msg) + Length(message.Id) + Length(message.ReplyTo);
        int bound = FixedBytes + message.Payload.Length + (6 * chars);
        if (scratch is null || scratch.Length < bound)
            scratch = new byte[Math.Max(4096, bound)];
        var writer = new Cursor(scratch);
        writer.Raw("{\"version\":\"3\",\"msg_type\":"u8);
        writer.Raw(NameOf(message.Type));
        writer.Raw(",\"target\":"u8);
        writer.Raw(NameOf(message.Target));
        writer.Raw(",\"from_id\":"u8);
        writer.VisionId(message.FromId);
        writer.Raw(",\"to_id\":"u8);
        writer.VisionId(message.ToId);
        writer.Raw(",\"group_id\":"u8);
        writer.VisionId(message.GroupId);
        writer.Raw(",\"cmd\":"u8);
        writer.Text(message.Cmd);
        writer.Raw(",\"msg\":"u8);
        writer.Text(message.Msg);
        writer.Raw(",\"payload\":"u8);
        writer.Raw(message.Payload.Span);
        writer.Raw(",\"sent_at\":\""u8);
        writer.Time(message.SentAt);
        writer.Raw("\""u8);
        if (message.Id is not null)
        {
            writer.Raw(",\"id\":"u8);
            writer.Text(message.Id);
        }
        if (message.ReplyTo is not null)
        {
            writer.Raw(",\"reply_to\":"u8);
            writer.Text(message.ReplyTo);
        }
        writer.Raw("}"u8);
        var written = writer.Written;
        // A few long messages must not keep long arrays alive on every thread.
        if (scratch.Length > 262_144)
            scratch = null;
        return written;
    }

    private static int Length(string? text) => text?.Length ?? 0;

    private static ReadOnlySpan<byte> NameOf(MessageType type) => type switch
    {
        MessageType.Msg => "\"msg\""u8,
        MessageType.Cmd => "\"cmd\""u8,
        MessageType.Heartbeat => "\"heartbeat\""u8,
        _ => "\"presence\""u8,
    };

    private static ReadOnlySpan<byte> NameOf(Target target) => target switch
    {
        Target.Direct => "\"direct\""u8,
        Target.Group => "\"group\""u8,
        Target.Broadcast => "\"broadcast\""u8,
        _ => "\"echo\""u8,
    };

    private ref struct Cursor(byte[] buffer)
    {
        private int length;

        public readonly ReadOnlySpan<byte> Written => buffer.AsSpan(0, length);

        public void Raw(scoped ReadOnlySpan<byte> bytes)
        {
            bytes.CopyTo(buffer.AsSpan(length));
            length += bytes.Length;
        }

        public void VisionId(VisionId id)
        {
            if (id.IsEmpty)
            {
                Raw("null"u8);
                return;
            }
            buffer[length++] = (byte)'"';
            length += Encoding.ASCII.GetBytes(id.Value, buffer.AsSpan(length));
            buffer[length++] = (byte)'"';
        }

        public void Time(DateTime utc) => length += Timestamp.Write(utc, buffer.AsSpan(length));

        public void Text(string? text)
        {
            if (text is null)
            {
                Raw("null"u8);
                return;
            }
            buffer[length++] = (byte)'"';
            int start = length;
            length += Encoding.UTF8.GetBytes(text, buffer.AsSpan(length));
            if (buffer.AsSpan(start, length - start).ContainsAny(Escaped))
                Escape(start);
            buffer[length++] = (byte)'"';
        }

        // Rare, so it may copy: the plain bytes step aside and come back escaped.
        private void Escape(int start)
        {
            byte[] plain = buffer.AsSpan(start, length - start).ToArray();
            length = start;
            foreach (byte b in plain)
            {
                if (!Escaped.Contains(b))
                {
                    buffer[length++] = b;
                    continue;
                }
                switch (b)
                {
                    case (byte)'"':
                        Raw("\\\""u8);
                        break;
                    case (byte)'\\':
                        Raw("\\\\"u8);
                        break;
                    case (byte)'\n':
                        Raw("\\n"u8);
                        break;
                    case (byte)'\r':
                        Raw("\\r"u8);
                        break;
                    case (byte)'\t':
                        Raw("\\t"u8);
                        break;
                    default:
                        Raw("\\u00"u8);
                        buffer[length++] = (byte)(b < 0x10 ? '0' : '1');
                        buffer[length++] = (byte)"0123456789abcdef"[b & 0xf];
                        break;
                }
            }
        }
    }
}
