using System.Buffers.Binary;
using System.Net.WebSockets;
using System.Text;

namespace Aether.Api.WebSockets;

/// <summary>
/// The way out where the host brings a WebSocket of its own instead of a connection to upgrade, as the test server
/// does. Our frames are taken apart again and given to it; it has its own way to ping.
/// </summary>
internal sealed class HostSocketStream(WebSocket socket) : Stream
{
    private readonly MemoryStream partial = new();

    public override bool CanRead => false;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer,
        CancellationToken cancellationToken = default)
    {
        // A pipe cuts what it writes where it likes.
        partial.Write(buffer.Span);
        byte[] bytes = partial.ToArray();
        int start = 0;
        while (FrameLength(bytes.AsSpan(start)) is { } length && start + length <= bytes.Length)
        {
            await SendAsync(bytes.AsMemory(start, length), cancellationToken).ConfigureAwait(false);
            start += length;
        }
        partial.SetLength(0);
        partial.Write(bytes.AsSpan(start));
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    private static int HeaderLength(ReadOnlySpan<byte> bytes) => bytes[1] switch { 126 => 4, 127 => 10, _ => 2 };

    // Null while the header is not there as a whole.
    private static int? FrameLength(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < 2 || bytes.Length < HeaderLength(bytes))
            return null;
        return HeaderLength(bytes) + bytes[1] switch
        {
            126 => BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]),
            127 => checked((int)BinaryPrimitives.ReadUInt64BigEndian(bytes[2..])),
            byte length => length,
        };
    }

    private async ValueTask SendAsync(ReadOnlyMemory<byte> frame, CancellationToken cancellationToken)
    {
        var content = frame[HeaderLength(frame.Span)..];
        try
        {
            switch (frame.Span[0] & 0x0f)
            {
                case 1:
                    await socket.SendAsync(content, WebSocketMessageType.Text, endOfMessage: true, cancellationToken)
                        .ConfigureAwait(false);
                    break;
                case 8:
                    var code = (WebSocketCloseStatus)BinaryPrimitives.ReadUInt16BigEndian(content.Span);
                    string reason = Encoding.UTF8.GetString(content.Span[2..]);
                    await socket.CloseOutputAsync(code, reason, cancellationToken).ConfigureAwait(false);
                    break;
            }
        }
        catch (WebSocketException fault)
        {
            throw new IOException("the host's WebSocket does not take it", fault);
        }
    }
}
