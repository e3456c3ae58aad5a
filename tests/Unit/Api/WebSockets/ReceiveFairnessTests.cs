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
        var socket = new RepeatingSocket(MessageWriter.Write(Some.Message), Messages);
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
            services, sender, new Profile(false, true, Role.None), Some.NoGrant, new DeliveryLoops(1).Next(), () => { });
    }
}
