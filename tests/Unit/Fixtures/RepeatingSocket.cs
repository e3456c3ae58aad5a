using System.Net.WebSockets;

namespace Aether.Tests.Unit;

/// <summary>Has the same message ready so many times, and then the client's goodbye.</summary>
internal sealed class RepeatingSocket(byte[] message, int count) : WebSocket
{
    public int Received { get; private set; }

    public override WebSocketCloseStatus? CloseStatus => WebSocketCloseStatus.NormalClosure;

    public override string? CloseStatusDescription => null;

    public override WebSocketState State =>
        Received < count ? WebSocketState.Open : WebSocketState.CloseReceived;

    public override string? SubProtocol => null;

    public override ValueTask<ValueWebSocketReceiveResult> ReceiveAsync(
        Memory<byte> buffer, CancellationToken cancellationToken)
    {
        if (Received == count)
            return new(new ValueWebSocketReceiveResult(0, WebSocketMessageType.Close, true));
        // A read without a buffer waits; the next one takes it.
        if (buffer.IsEmpty)
            return new(new ValueWebSocketReceiveResult(0, WebSocketMessageType.Text, false));
        message.CopyTo(buffer);
        Received++;
        return new(new ValueWebSocketReceiveResult(message.Length, WebSocketMessageType.Text, true));
    }

    public override Task<WebSocketReceiveResult> ReceiveAsync(
        ArraySegment<byte> buffer, CancellationToken cancellationToken) => throw new NotSupportedException();

    public override Task SendAsync(
        ArraySegment<byte> buffer,
        WebSocketMessageType messageType,
        bool endOfMessage,
        CancellationToken cancellationToken) => throw new NotSupportedException();

    public override Task CloseAsync(
        WebSocketCloseStatus closeStatus, string? statusDescription, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public override Task CloseOutputAsync(
        WebSocketCloseStatus closeStatus, string? statusDescription, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public override void Abort()
    {
    }

    public override void Dispose()
    {
    }
}
