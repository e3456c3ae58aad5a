using System.Buffers;
using System.IO.Pipelines;

namespace Aether.Api.WebSockets;

/// <summary>
/// What the WebSocket reads from and writes to. Reads come from the server's pipe and are followed on the way; what the
/// WebSocket writes itself (pongs, and the close after a protocol error) goes out through the connection's delivery
/// loop like everything else, since only one may write.
/// </summary>
internal sealed class ConnectionStream(PipeReader input, SocketConnection connection) : Stream
{
    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        input.TryRead(out var read) && !IsOnlyWoken(read)
            ? new ValueTask<int>(Take(read, buffer))
            : WaitAsync(buffer, cancellationToken);

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        connection.WriteOwnFrameAsync(buffer);

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

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

    private async ValueTask<int> WaitAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        while (true)
        {
            var read = await input.ReadAsync(cancellationToken).ConfigureAwait(false);
            if (!IsOnlyWoken(read))
                return Take(read, buffer);
        }
    }

    // A server that stops wakes whoever waits for a next request. Here it is the drain that ends connections.
    private bool IsOnlyWoken(ReadResult read)
    {
        if (!read.IsCanceled)
            return false;
        input.AdvanceTo(read.Buffer.Start);
        return true;
    }

    private int Take(ReadResult read, Memory<byte> buffer)
    {
        int count = (int)Math.Min(read.Buffer.Length, buffer.Length);
        var taken = read.Buffer.Slice(0, count);
        taken.CopyTo(buffer.Span);
        // Nothing beyond it counts as looked at: a read without a buffer only waits until there is something.
        input.AdvanceTo(taken.End);
        if (count > 0)
            connection.OnBytesRead(buffer.Span[..count]);
        return count;
    }
}
