using Aether.Api;
using Aether.Api.WebSockets;
using Aether.Application;
using Aether.Application.Commands;
using Aether.Application.Delivery;
using Aether.Application.Pipeline;
using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Domain;
using Aether.Domain.Commands;
using MediatR;
using Microsoft.Extensions.Logging.Abstractions;
using NSubstitute;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>What a connection leaves when it ends before all is answered that it asked.</summary>
public sealed class ConnectionEndTests
{
    private static readonly ExecutionId Execution = new("c1", 3);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Execution_IsLeft_GivenAReportThatIsAnsweredAfterTheEnd(bool isUnknown)
    {
        var asked = new TaskCompletionSource<Outcome>();
        var mediator = Substitute.For<IMediator>();
        mediator.Send(Arg.Any<IRequest<Outcome>>(), Arg.Any<CancellationToken>()).Returns(asked.Task);
        var store = Substitute.For<ICommandStore>();
        using var watches = new CommandWatches(store, TimeProvider.System);
        var runner = new CommandRunner(
            store,
            new FakeBus((_, _) => new(PublishResult.To(1))),
            new ServerMessages(TimeProvider.System),
            watches,
            TimeProvider.System);
        var connection = Create(mediator, new CommandServices(watches, runner));

        await connection.ReceiveAsync(new RepeatingSocket(MessageWriter.Write(Some.Message), 1), Stream.Null);
        connection.EndTies();
        var outcome = isUnknown
            ? Outcome.Rejected(Rejection.KeepingUnknown)
            : Outcome.Answer(Some.Message);
        asked.SetResult(outcome.With(new HoldingExecution(Some.Group, Execution, IsOpen: true)));

        await Eventually.HoldsAsync(
            () => store.ReceivedCalls().Any(call => call.GetArguments().Any(
                one => one is HolderLost { Index: 3 } lost && lost.Holder.EndsWith(connection.Id, StringComparison.Ordinal))),
            "it is left");
    }

    private static ClientConnection Create(IMediator mediator, CommandServices commands)
    {
        var services = new ConnectionServices(
            mediator,
            new ServerMessages(TimeProvider.System),
            new ConnectionLimits(new RealtimeOptions()),
            new Instance(),
            new Clock(TimeProvider.System),
            TimeProvider.System,
            NullLogger<SocketConnection>.Instance,
            Commands: commands);
        var sender = new Sender(Some.Message.FromId, Some.Message.GroupId, new Access(Permissions.None));
        return new ClientConnection(
            services, sender, new Profile(false, true, Role.None), Some.NoGrant, new DeliveryLoops(1).Next(), () => { });
    }
}
