using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Aether.Api.WebSockets;

/// <summary>
/// Follows the frames that pass by on their way into the WebSocket, without touching them. The library reports neither
/// how long a frame says it is before that many bytes came, nor whether what woke it was only a pong; the limits of
/// size, fragments and time need both.
/// </summary>
internal struct InboundFrames
{
    private const int MaxHeader = 14;

    private Header header;
    private byte have;
    private bool inMessage;
    private ulong left;
    private int overFragmented;

    /// <summary>Whether a message has begun and not ended, its first byte included.</summary>
    public readonly bool MessageOpen => inMessage || (have > 0 && !IsControl);

    /// <summary>How many bytes the message's frames say they have so far.</summary>
    public ulong MessageBytes { get; private set; }

    /// <summary>How many frames the message has so far.</summary>
    public int Fragments { get; private set; }

    /// <summary>How many messages have ended; it may wrap around.</summary>
    public int Completed { get; private set; }

    /// <summary>How many control frames there were; it may wrap around.</summary>
    public int Controls { get; private set; }

    /// <summary>How many frames went on with a message; it may wrap around.</summary>
    public int Continuations { get; private set; }

    /// <summary>
    /// The first message that was cut into more frames than it may be, counted as <see cref="Completed"/>; −1 while there
    /// is none. It stays known when the message has ended.
    /// </summary>
    public readonly int OverFragmented => overFragmented - 1;

    private readonly bool IsControl => (header[0] & 0x08) != 0;

    /// <summary>Takes note of the next bytes.</summary>
    public void Advance(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            if (left > 0)
            {
                int skip = (int)Math.Min(left, (ulong)bytes.Length);
                left -= (ulong)skip;
                bytes = bytes[skip..];
                if (left == 0)
                    EndFrame();
                continue;
            }
            header[have++] = bytes[0];
            bytes = bytes[1..];
            if (have >= 2 && have == HeaderLength())
                BeginFrame();
        }
    }

    private readonly int HeaderLength() => (header[1] & 0x7f) switch
    {
        126 => 4,
        127 => 10,
        _ => 2,
    } + ((header[1] & 0x80) != 0 ? 4 : 0);

    private void BeginFrame()
    {
        ReadOnlySpan<byte> bytes = header;
        left = (bytes[1] & 0x7f) switch
        {
            126 => BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]),
            127 => BinaryPrimitives.ReadUInt64BigEndian(bytes[2..]),
            int length => (ulong)length,
        };
        if (IsControl)
        {
            Controls++;
        }
        else
        {
            if (!inMessage)
            {
                inMessage = true;
                MessageBytes = 0;
                Fragments = 0;
            }
            else
            {
                Continuations++;
            }
            // Two absurd lengths must not add up to a small one.
            MessageBytes = MessageBytes > ulong.MaxValue - left ? ulong.MaxValue : MessageBytes + left;
            if (++Fragments > ConnectionLimits.MaxFragments && overFragmented == 0)
                overFragmented = Completed + 1;
        }
        if (left == 0)
            EndFrame();
    }

    private void EndFrame()
    {
        have = 0;
        if (IsControl || (header[0] & 0x80) == 0)
            return;
        inMessage = false;
        Completed++;
    }

    [InlineArray(MaxHeader)]
    private struct Header
    {
        private byte first;
    }
}
