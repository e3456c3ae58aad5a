using System.Buffers.Binary;

namespace Aether.Load.Net;

/// <summary>Frames of a client: masked, always with the same key, so that one can be built once and changed in place.</summary>
internal static class ClientFrame
{
    /// <summary>Not zero: a server could leave out the work of taking a zero mask off.</summary>
    private static ReadOnlySpan<byte> Mask => [0x5b, 0xc3, 0x2e, 0x97];

    /// <summary>The whole frame around a payload, and where in it the payload begins.</summary>
    public static (byte[] Frame, int PayloadAt) Build(Opcode opcode, ReadOnlySpan<byte> payload)
    {
        int lengthBytes = payload.Length < 126 ? 0 : payload.Length <= ushort.MaxValue ? 2 : 8;
        int payloadAt = 2 + lengthBytes + Mask.Length;
        byte[] frame = new byte[payloadAt + payload.Length];
        frame[0] = (byte)(0x80 | (int)opcode);
        frame[1] = (byte)(0x80 | (lengthBytes switch { 0 => payload.Length, 2 => 126, _ => 127 }));
        if (lengthBytes == 2)
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(2), (ushort)payload.Length);
        else if (lengthBytes == 8)
            BinaryPrimitives.WriteUInt64BigEndian(frame.AsSpan(2), (ulong)payload.Length);
        Mask.CopyTo(frame.AsSpan(2 + lengthBytes));
        Put(frame, payloadAt, 0, payload);
        return (frame, payloadAt);
    }

    /// <summary>Writes into the payload of a frame, masked.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="payloadAt">Where its payload begins.</param>
    /// <param name="offset">Where in the payload to write.</param>
    /// <param name="bytes">What to write.</param>
    public static void Put(Span<byte> frame, int payloadAt, int offset, ReadOnlySpan<byte> bytes)
    {
        var target = frame.Slice(payloadAt + offset, bytes.Length);
        for (int i = 0; i < bytes.Length; i++)
            target[i] = (byte)(bytes[i] ^ Mask[(offset + i) & 3]);
    }
}
