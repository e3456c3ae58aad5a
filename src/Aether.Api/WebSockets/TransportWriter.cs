using System.IO.Pipelines;
using System.Net.Sockets;

namespace Aether.Api.WebSockets;

/// <summary>Where the bytes of one connection go to. One send at a time: the next one when that has completed.</summary>
internal abstract class TransportWriter
{
    /// <summary>Sends bytes, which belong to the caller again as soon as this returns.</summary>
    /// <returns>Completes when the peer takes more; whether it is gone.</returns>
    public abstract ValueTask<bool> SendAsync(ReadOnlySpan<byte> bytes);
}

/// <summary>Through a pipe, behind which the server encrypts, frames for HTTP/2, or simply sends.</summary>
internal sealed class PipeTransportWriter(PipeWriter pipe) : TransportWriter
{
    public override ValueTask<bool> SendAsync(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(pipe.GetSpan(bytes.Length));
        pipe.Advance(bytes.Length);
        var flushed = pipe.FlushAsync();
        return flushed.IsCompletedSuccessfully ? new(flushed.Result.IsCompleted) : WaitAsync(flushed);
    }

    private static async ValueTask<bool> WaitAsync(ValueTask<FlushResult> flushed) =>
        (await flushed.ConfigureAwait(false)).IsCompleted;
}

/// <summary>
/// Straight into the socket. Between a pipe and its socket the server has a buffer, a lock and a state machine for each
/// connection; a fan-out that has the bytes at hand needs none of them. What the socket does not take at once is kept
/// and sent by the framework.
/// </summary>
internal sealed class SocketTransportWriter : TransportWriter
{
    private readonly Socket socket;

    public SocketTransportWriter(Socket socket)
    {
        this.socket = socket;
        try
        {
            // Or a send would hold the delivery loop until a slow peer has read. The server's own calls do not mind.
            socket.Blocking = false;
        }
        catch (ObjectDisposedException)
        {
            // The peer is gone already. The first send says so.
        }
    }

    public override ValueTask<bool> SendAsync(ReadOnlySpan<byte> bytes)
    {
        int sent = socket.Send(bytes, SocketFlags.None, out var error);
        return error switch
        {
            SocketError.Success when sent == bytes.Length => new(false),
            SocketError.Success or SocketError.WouldBlock => SendRestAsync(bytes[sent..].ToArray()),
            _ => new(true),
        };
    }

    private async ValueTask<bool> SendRestAsync(ReadOnlyMemory<byte> rest)
    {
        while (!rest.IsEmpty)
            rest = rest[await socket.SendAsync(rest, SocketFlags.None).ConfigureAwait(false)..];
        return false;
    }
}
