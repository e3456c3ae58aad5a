using System.Text.Json.Nodes;
using Aether.Application;
using Aether.Application.Commands;
using Aether.Application.Presence;
using Aether.Application.Requests;
using Aether.Application.Wire;
using Aether.Domain;
using Aether.Domain.Commands;
using Aether.Tests.Unit.Commands;
using MediatR;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>What a question about commands costs whoever asks.</summary>
public sealed class CommandRequestsTests : IDisposable
{
    private const int Read = 40;

    private readonly IMediator mediator = Substitute.For<IMediator>();
    private readonly FakeTimeProvider time = new();
    private readonly AnswerPacing pacing;

    public CommandRequestsTests() => pacing = new AnswerPacing(time);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static CommandSummary Command => new CommandRun(new CommandPlan(), 1).Command.Summarize();

    public void Dispose() => pacing.Dispose();

    [Theory]
    [InlineData(1_024)]
    [InlineData(3_072)]
    [InlineData(65_536)]
    public async Task Get_CountsWhatIsInTheAnswer_AndNotWhatWasRead(int maxBytes)
    {
        var executions = Enumerable.Range(0, Read).Select(i => new ExecutionSummary(
            i, VisionId.Parse("m" + i), ExecutionStatus.Queued, 0, default, default, null, null, CommandRun.Start, 1)).ToList();
        mediator.Send(Arg.Any<ReadCommand>(), Arg.Any<CancellationToken>())
            .Returns((Answer<CommandState>)new CommandState(Command, executions));
        var handler = new GetCommandHandler(mediator, pacing, new ServerMessages(time), Options(maxBytes));

        var outcome = await handler.Handle(
            new GetCommand(Some.Sender(), Question("command.get", """{"command_id":"c1"}""")), Cancellation);

        AssertCost(outcome, "executions", isCut: maxBytes < 65_536);
    }

    [Theory]
    [InlineData(1_024)]
    [InlineData(8_192)]
    [InlineData(65_536)]
    public async Task List_CountsWhatIsInTheAnswer_AndNotWhatWasRead(int maxBytes)
    {
        mediator.Send(Arg.Any<ListCommands>(), Arg.Any<CancellationToken>())
            .Returns((Answer<CommandListing>)new CommandListing([.. Enumerable.Repeat(Command, Read)], Read));
        var handler = new GetCommandsHandler(mediator, pacing, new ServerMessages(time), Options(maxBytes));

        var outcome = await handler.Handle(new GetCommands(Some.Sender(), Question("command.list", "{}")), Cancellation);

        AssertCost(outcome, "commands", isCut: maxBytes < 65_536);
    }

    private static void AssertCost(Outcome outcome, string name, bool isCut)
    {
        int written = JsonNode.Parse(outcome.Reply!.Payload.Span)![name]!.AsArray().Count;
        Assert.Equal(isCut, written < Read);
        Assert.Equal(written / 5, outcome.Cost);
    }

    private static RealtimeOptions Options(int maxBytes) => new() { MaxMessageBytes = maxBytes };

    private static Message Question(string cmd, string payload) => Some.Message with
    {
        Type = MessageType.Cmd,
        Target = Target.Direct,
        ToId = VisionId.Server,
        Cmd = cmd,
        Payload = System.Text.Encoding.UTF8.GetBytes(payload),
        Id = "q1",
    };
}
