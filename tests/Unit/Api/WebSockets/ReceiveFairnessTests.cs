using System.Net.WebSockets;
using Aether.Api;
using Aether.Api.WebSockets;
using Aether.Application;
using Aether.Application.Delivery;
using Aether.Application.Pipeline;
using Aether.Application.Wire;
using Aether.Domain;
using MediatR;
using Microsoft.Extensions.Logging.Abstractions;
using NSubstitute;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>A client that never pauses does not keep a thread for itself.</summary>
public sealed class ReceiveFairnessTests
{
    [Fact]
    public async Task ReceiveAsync_LetsOthersRun_GivenAClientThatAlwaysHasOneMoreMessage()
    {
        const int Messages = 10_000;
        var mediator = Substitute.For<IMediator>();
        mediator.Send(Arg.Any<IRequest<Outcome>>(), Arg.Any<CancellationToken>())
            .Returns(Task.FromResult(Outcome.Done));
        var socket = new EndlessSocket(MessageWriter.Write(Some.Message), Messages);
        var connection = Create(mediator);

        var receiving = connection.ReceiveAsync(socket, Stream.Null);

        // Without a pause on the way it would have returned with the last message.
        Assert.InRange(socket.Received, 1, Messages - 1);
        await receiving;
        Assert.Equal(Messages, socket.Received);
        Assert.Equal(Messages, connection.Received);
    }

    private static ClientConnection Create(IMediator mediator)
    {
        var services = new ConnectionServices(
            mediator,
            new ServerMessages(TimeProvider.System),
            new ConnectionLimits(new RealtimeOptions { RateLimit = new RateLimitOptions { PerSecond = 0 } }),
            new Instance(),
            new Clock(TimeProvider.System),
            TimeProvider.System,
            NullLogger<SocketConnection>.Instance);
        var sender = new Sender(Some.Message.FromId, Some.Message.GroupId, new Access(Permissions.None));
        return new ClientConnection(
            services, sender, new Profile(false, true, Role.None), "", new DeliveryLoops(1).Next(), () => { });
    }

    /// <summary>Has the same message ready so many times, and then the client's goodbye.</summary>
    private sealed class EndlessSocket(byte[] message, int count) : WebSocket
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
}
