using Aether.Domain;
using Aether.Domain.Commands;
using Xunit;
using static Aether.Domain.Commands.ExecutionStatus;

namespace Aether.Tests.Unit.Commands;

/// <summary>Sending what may have been missed: to new connections, and for an instance that died before it could.</summary>
public sealed class CommandSendingTests
{
    private static readonly CommandPlan Plan = new();

    [Fact]
    public void Connect_SendsAgain_UntilItIsTaken()
    {
        var run = new CommandRun(Plan, 2);
        run.Did();
        long version = run.Command.Version;
        run.Connects("m0");
        run.Connects("m0");
        Assert.Equal(("send m0/1, send m0/1", version), (run.Did(), run.Command.Version));
        run.Says("m0", InProgress);
        run.Connects("m0");
        run.Says("m0", Succeeded);
        run.Connects("m0");
        Assert.Equal("", run.Did());
    }

    [Fact]
    public void Connect_SendsNothing_GivenAMemberWhoseTurnHasNotComeOrWhoIsNoTarget()
    {
        var run = new CommandRun(Plan with { MaxConcurrency = Amount.FromCount(1) }, 2);
        run.Did();
        run.Connects("m1");
        run.Connects("stranger");
        Assert.Equal(("", 2), (run.Did(), run.Command.Counts.Total));
    }

    [Fact]
    public void Connect_SendsTheAttemptThatIsOn()
    {
        var run = new CommandRun(Plan with { Attempts = 2 }, 1);
        run.Says("m0", Failed);
        run.Did();
        run.Connects("m0");
        Assert.Equal("send m0/2", run.Did());
    }

    [Fact]
    public void Connect_TellsThatItIsCalledOff_GivenAMemberThatWasAway()
    {
        var run = new CommandRun(Plan, 3);
        run.Says("m0", InProgress);
        run.Says("m2", Succeeded);
        run.Apply(new CancelAsked());
        run.Did();
        run.Connects("m0");
        run.Connects("m1");
        run.Connects("m2");
        Assert.Equal("cancel m0, cancel m1", run.Did());
    }

    [Fact]
    public void Connect_SendsNothing_GivenACommandThatHasEnded()
    {
        var run = new CommandRun(Plan, 1);
        run.Passes(60_000);
        run.Did();
        run.Connects("m0");
        Assert.Equal("", run.Did());
    }

    [Fact]
    public void Sending_IsDoneAgain_UntilItIsConfirmed()
    {
        var command = Command.Start(CommandRun.Order(Plan), [Id("a"), Id("b")], 0, out _);
        command.Apply(new SendingConfirmed([new(0, 1), new(5, 1), new(-1, 1)]), 100);
        Assert.Equal(Command.SendAgainMs, command.NextDueAt);
        var again = command.Apply(new TimePassed(), Command.SendAgainMs);
        Assert.Equal([new Effect(EffectKind.Send, 1, Id("b"), 1)], again.Effects);
        command.Apply(new SendingConfirmed([new(1, 2)]), 2_100);
        Assert.Equal(2 * Command.SendAgainMs, command.NextDueAt);
        command.Apply(new SendingConfirmed([new(1, 1)]), 2_200);
        Assert.Equal(10_000, command.NextDueAt);
    }

    [Fact]
    public void Sending_ThatIsNotConfirmed_EndsWithTheDeliveryTime()
    {
        var command = Command.Start(CommandRun.Order(Plan), [Id("a")], 0, out _);
        int sends = 0;
        while (command.NextDueAt is { } due)
            sends += command.Apply(new TimePassed(), due).Effects.Count;
        Assert.Equal((4, Undeliverable, 10_000L), (sends, command.Executions[0].Status, command.EndedAt));
    }

    [Fact]
    public void Sending_NeedsNoConfirmation_GivenThatItWasTaken()
    {
        var command = Command.Start(CommandRun.Order(Plan), [Id("a")], 0, out _);
        command.Apply(
            new MemberReported(new ExecutionReport
            {
                Index = 0,
                Member = Id("a"),
                By = "a",
                Attempt = 1,
                Status = InProgress,
            }),
            50);
        Assert.Equal(60_000, command.NextDueAt);
        command.Apply(new SendingConfirmed([new(0, 1)]), 60);
        Assert.Equal((60_000L, InProgress), (command.NextDueAt, command.Executions[0].Status));
    }

    [Fact]
    public void Cancel_IsSaidAgain_UntilThatIsConfirmed()
    {
        var command = Begin("a", "b", "c");
        command.Apply(new CancelAsked(), 1_000);
        command.Apply(new CancelConfirmed([new(0, 1), new(1, 2), new(3, 1), new(-1, 1)]), 1_100);
        // The command's own sending, confirmed late, says nothing of the end.
        command.Apply(new SendingConfirmed([new(1, 1)]), 1_200);
        Report(command, 2, Succeeded, 1_300);
        Assert.Equal(1_000 + Command.SendAgainMs, command.NextDueAt);
        var again = command.Apply(new TimePassed(), 3_000);
        Assert.Equal([new Effect(EffectKind.Cancel, 1, Id("b"), 1)], again.Effects);
        Assert.Equal(3_000 + Command.SendAgainMs, command.NextDueAt);
        command.Apply(new CancelConfirmed([new(1, 1)]), 3_100);
        Assert.Equal(1_000 + Command.CancelGraceMs, command.NextDueAt);
    }

    [Fact]
    public void Cancel_ThatIsNotConfirmed_IsSaidUntilTheEnd_AlsoToWhoSaysThatItWorks()
    {
        var command = Begin("a");
        command.Apply(new CancelAsked(), 1_000);
        Report(command, 0, InProgress, 1_500);
        int times = 0;
        while (command.NextDueAt is { } due)
        {
            var transition = command.Apply(new TimePassed(), due);
            Assert.All(transition.Effects, one => Assert.Equal(EffectKind.Cancel, one.Kind));
            times += transition.Effects.Count;
        }
        Assert.Equal((5, CommandStatus.Canceled, 11_000L), (times, command.Status, command.EndedAt));
    }

    [Fact]
    public void Cancel_IsNotConfirmed_BeforeItIsSaid()
    {
        var command = Begin("a");
        command.Apply(new CancelConfirmed([new(0, 1)]), 100);
        Assert.Equal(Command.SendAgainMs, command.NextDueAt);
    }

    private static Command Begin(params string[] members) =>
        Command.Start(CommandRun.Order(Plan), [.. members.Select(Id)], 0, out _);

    private static void Report(Command command, int index, ExecutionStatus status, long at) => command.Apply(
        new MemberReported(new ExecutionReport
        {
            Index = index,
            Member = command.Executions[index].Member,
            By = "x",
            Attempt = 1,
            Status = status,
        }),
        at);

    private static VisionId Id(string text) => VisionId.Parse(text);
}
