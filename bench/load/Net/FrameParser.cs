using System.Buffers.Binary;

namespace Aether.Load.Net;

/// <summary>Who takes what a <see cref="FrameParser"/> found.</summary>
internal interface IFrameSink
{
    /// <summary>A whole message, put together from its fragments.</summary>
    void OnMessage(ReadOnlySpan<byte> message);

    /// <summary>A close, ping or pong.</summary>
    void OnControl(Opcode opcode, ReadOnlySpan<byte> payload);
}

/// <summary>The kinds of WebSocket frames.</summary>
internal enum Opcode
{
    /// <summary>A further fragment.</summary>
    Continuation = 0,

    /// <summary>UTF-8.</summary>
    Text = 1,

    /// <summary>Bytes.</summary>
    Binary = 2,

    /// <summary>The last frame of a side.</summary>
    Close = 8,

    /// <summary>Asks for a pong.</summary>
    Ping = 9,

    /// <summary>Answers a ping.</summary>
    Pong = 10,
}

/// <summary>Reads the frames of a server, however the network cuts them. Whole frames are read where they are.</summary>
internal sealed class FrameParser
{
    private const int LongestFrame = 64 * 1024 * 1024;

    private byte[] pending = [];
    private int pendingLength;
    private byte[] message = [];
    private int messageLength;
    private bool inMessage;

    /// <summary>Takes what came from the network.</summary>
    /// <exception cref="InvalidDataException">It breaks the framing.</exception>
    public void Feed(ReadOnlySpan<byte> bytes, IFrameSink sink)
    {
        if (pendingLength == 0)
        {
            int taken = TakeFrames(bytes, sink);
            Append(ref pending, ref pendingLength, bytes[taken..]);
            return;
        }
        Append(ref pending, ref pendingLength, bytes);
        int used = TakeFrames(pending.AsSpan(0, pendingLength), sink);
        pending.AsSpan(used, pendingLength - used).CopyTo(pending);
        pendingLength -= used;
    }

    private static void Append(ref byte[] buffer, ref int length, ReadOnlySpan<byte> bytes)
    {
        if (buffer.Length - length < bytes.Length)
            Array.Resize(ref buffer, Math.Max(length + bytes.Length, buffer.Length * 2));
        bytes.CopyTo(buffer.AsSpan(length));
        length += bytes.Length;
    }

    private int TakeFrames(ReadOnlySpan<byte> bytes, IFrameSink sink)
    {
        int taken = 0;
        while (TryReadHeader(bytes[taken..], out int header, out int length) && bytes.Length - taken - header >= length)
        {
            Take(bytes[taken], bytes.Slice(taken + header, length), sink);
            taken += header + length;
        }
        return taken;
    }

    private static bool TryReadHeader(ReadOnlySpan<byte> bytes, out int header, out int length)
    {
        header = 2;
        length = 0;
        if (bytes.Length < 2)
            return false;
        if ((bytes[0] & 0x70) != 0)
            throw new InvalidDataException("a frame with a reserved bit");
        if ((bytes[1] & 0x80) != 0)
            throw new InvalidDataException("a masked frame from a server");
        length = bytes[1] & 0x7f;
        if (length < 126)
            return true;
        header = length == 126 ? 4 : 10;
        if (bytes.Length < header)
            return false;
        ulong size = length == 126
            ? BinaryPrimitives.ReadUInt16BigEndian(bytes[2..])
            : BinaryPrimitives.ReadUInt64BigEndian(bytes[2..]);
        if (size > LongestFrame)
            throw new InvalidDataException($"a frame of {size} bytes");
        length = (int)size;
        return true;
    }

    private void Take(byte first, ReadOnlySpan<byte> payload, IFrameSink sink)
    {
        var opcode = (Opcode)(first & 0x0f);
        bool final = (first & 0x80) != 0;
        if (opcode is Opcode.Close or Opcode.Ping or Opcode.Pong)
        {
            sink.OnControl(opcode, payload);
            return;
        }
        if (opcode > Opcode.Binary || inMessage != (opcode == Opcode.Continuation))
            throw new InvalidDataException($"a frame of kind {(int)opcode} out of place");
        inMessage = !final;
        if (final && messageLength == 0)
        {
            sink.OnMessage(payload);
            return;
        }
        Append(ref message, ref messageLength, payload);
        if (!final)
            return;
        int length = messageLength;
        messageLength = 0;
        sink.OnMessage(message.AsSpan(0, length));
    }
}
