using System.Buffers;
using System.Buffers.Text;
using System.Runtime.CompilerServices;
using System.Text;
using Aether.Domain;

namespace Aether.Application.Wire;

/// <summary>
/// Writes a message as canonical JSON: the ten fields of the seed in their order, null where empty, then <c>id</c>,
/// <c>reply_to</c>, <c>to_role</c>, <c>lease</c>, <c>execution</c> and <c>pos</c> if the message has them. The payload is copied as it came.
/// </summary>
internal static class MessageWriter
{
    private static readonly SearchValues<byte> Escaped = SearchValues.Create(
        [.. Enumerable.Range(0, 0x20).Select(i => (byte)i), (byte)'"', (byte)'\\']);

    // What all messages of a type and a target begin with, up to who sent them.
    private static readonly byte[][][] Beginnings = Array.ConvertAll(
        Enum.GetValues<MessageType>(),
        static type => Array.ConvertAll(Enum.GetValues<Target>(), target => Beginning(type, target)));

    [ThreadStatic]
    private static byte[]? scratch;

    /// <summary>The version that every message is of, as a JSON string.</summary>
    internal static ReadOnlySpan<byte> Version => "\"3\""u8;

    /// <summary>Writes a message into one array of its exact size.</summary>
    public static byte[] Write(Message message) => WriteToScratch(message).ToArray();

    /// <summary>Writes a message into memory that belongs to this thread, and is good until its next call.</summary>
    internal static ReadOnlySpan<byte> WriteToScratch(Message message)
    {
        // A char becomes at most six bytes: \u001f. What is not escaped has at most three.
        int chars = Length(message.Cmd) + Length(message.Msg) + Length(message.Id) + Length(message.ReplyTo);
        int bound = MessageSize.MaxGrowth + message.Payload.Length + (6 * chars);
        if (scratch is null || scratch.Length < bound)
            scratch = new byte[Math.Max(4096, bound)];
        var writer = new Cursor(scratch);
        writer.Raw(Beginnings[(int)message.Type][(int)message.Target]);
        writer.VisionId(message.FromId);
        writer.Begin(MessageField.ToId);
        writer.VisionId(message.ToId);
        writer.Begin(MessageField.GroupId);
        writer.VisionId(message.GroupId);
        writer.Begin(MessageField.Cmd);
        writer.Text(message.Cmd);
        writer.Begin(MessageField.Msg);
        writer.Text(message.Msg);
        writer.Begin(MessageField.Payload);
        writer.Raw(message.Payload.Span);
        writer.Begin(MessageField.SentAt);
        writer.Time(message.SentAt);
        if (message.Id is not null)
        {
            writer.Begin(MessageField.Id);
            writer.Text(message.Id);
        }
        if (message.ReplyTo is not null)
        {
            writer.Begin(MessageField.ReplyTo);
            writer.Text(message.ReplyTo);
        }
        if (message.ToRole != Role.None)
        {
            writer.Begin(MessageField.ToRole);
            writer.Raw(WireNames.Of(message.ToRole));
        }
        if (message.Lease is { } lease)
        {
            writer.Begin(MessageField.Lease);
            writer.Lease(lease);
        }
        if (message.Execution is { } execution)
        {
            writer.Begin(MessageField.Execution);
            writer.Execution(execution);
        }
        if (message.Position is { IsEmpty: false } position)
        {
            writer.Begin(MessageField.Pos);
            writer.Position(position);
        }
        writer.Raw("}"u8);
        var written = writer.Written;
        // A few long messages must not keep long arrays alive on every thread.
        if (scratch.Length > 262_144)
            scratch = null;
        return written;
    }

    private static byte[] Beginning(MessageType type, Target target)
    {
        var writer = new Cursor(new byte[256]);
        writer.Begin(MessageField.Version);
        writer.Raw(Version);
        writer.Begin(MessageField.MsgType);
        writer.Raw(WireNames.Of(type));
        writer.Begin(MessageField.Target);
        writer.Raw(WireNames.Of(target));
        writer.Begin(MessageField.FromId);
        // Where the first field has the comma that is in front of every other.
        return [(byte)'{', .. writer.Written[1..]];
    }

    private static int Length(string? text) => text?.Length ?? 0;

    private ref struct Cursor(byte[] buffer)
    {
        private int length;

        public readonly ReadOnlySpan<byte> Written => buffer.AsSpan(0, length);

        public void Raw(scoped ReadOnlySpan<byte> bytes)
        {
            bytes.CopyTo(buffer.AsSpan(length));
            length += bytes.Length;
        }

        /// <summary>Begins a field; its value comes next.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Begin(MessageField field) => Raw(WireNames.Prefix(field));

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

        public void Lease(LeaseClaim lease)
        {
            Raw(MessageParts.LeaseName);
            VisionId(lease.Name);
            Raw(MessageParts.LeaseTerm);
            Number(lease.Term);
            Raw("}"u8);
        }

        public void Execution(ExecutionAttempt execution)
        {
            Raw(MessageParts.ExecutionCommand);
            Text(execution.CommandId);
            Raw(MessageParts.ExecutionAttempt);
            Number(execution.Attempt);
            Raw(MessageParts.ExecutionDeadline);
            Time(execution.Deadline);
            Raw("}"u8);
        }

        private void Number(long number)
        {
            Utf8Formatter.TryFormat(number, buffer.AsSpan(length), out int digits);
            length += digits;
        }

        public void Position(Position position)
        {
            buffer[length++] = (byte)'"';
            length += Encoding.ASCII.GetBytes(position.Epoch, buffer.AsSpan(length));
            buffer[length++] = (byte)':';
            Number(position.Seq);
            buffer[length++] = (byte)'"';
        }

        public void Time(DateTime utc)
        {
            buffer[length++] = (byte)'"';
            length += Timestamp.Write(utc, buffer.AsSpan(length));
            buffer[length++] = (byte)'"';
        }

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

        // Rare, so it may copy: the plain bytes step aside and come back escaped. Each escape is the shortest there is,
        // or a text could be written longer than it was read.
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
                    case (byte)'\b':
                        Raw("\\b"u8);
                        break;
                    case (byte)'\f':
                        Raw("\\f"u8);
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
