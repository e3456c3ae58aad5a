namespace Aether.Api.WebSockets;

/// <summary>
/// What the WebSocket reads from and writes to. Reads come from the connection and are followed on the way; what the
/// WebSocket writes itself (pongs, and the close after a protocol error) goes out through the connection's delivery
/// loop like everything else, since only one may write.
/// </summary>
internal sealed class ConnectionStream(Stream inner, SocketConnection connection) : Stream
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

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = inner.ReadAsync(buffer, cancellationToken);
        // A zero-byte read only waits for bytes; there is nothing to follow yet.
        if (buffer.IsEmpty)
            return read;
        if (!read.IsCompletedSuccessfully)
            return FollowAsync(read, buffer);
        int count = read.Result;
        connection.OnBytesRead(buffer.Span[..count]);
        return new ValueTask<int>(count);
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        connection.WriteRawAsync(buffer);

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

    private async ValueTask<int> FollowAsync(ValueTask<int> read, Memory<byte> buffer)
    {
        int count = await read.ConfigureAwait(false);
        connection.OnBytesRead(buffer.Span[..count]);
        return count;
    }
}
