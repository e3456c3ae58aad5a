using System.Text;
using Aether.Domain.Commands;
using Xunit;
using static Aether.Domain.Commands.ExecutionStatus;

namespace Aether.Tests.Unit.Commands;

/// <summary>What a member's word does: in time, twice, of another attempt or connection, and too late.</summary>
public sealed class ExecutionWordsTests
{
    private static readonly CommandPlan Plan = new();

    [Theory]
    [InlineData(Succeeded, "succeeded")]
    [InlineData(Failed, "failed")]
    [InlineData(Rejected, "failed")]
    [InlineData(Canceled, "failed")]
    public void Report_EndsTheExecution_GivenAnEnd_AlsoWithoutBeingInProgressBefore(
        ExecutionStatus status, string command)
    {
        var run = new CommandRun(Plan, 1);
        var taken = run.Says("m0", status);
        Assert.Equal((Verdict.Applied, status, false), (taken.Verdict, taken.Status, taken.IsCanceled));
        Assert.Equal(command, run.Status);
        Assert.Equal(run.Now, run.Command.EndedAt);
    }

    [Fact]
    public void Report_KeepsTheLastProgressAndTheResult_GivenSeveralWords()
    {
        var run = new CommandRun(Plan, 2);
        run.Says("m0", InProgress, more: "{\"n\":1}"u8.ToArray());
        run.Says("m0", InProgress, more: "{\"n\":2}"u8.ToArray());
        run.Says("m0", InProgress);
        Assert.Equal("{\"n\":2}", Encoding.UTF8.GetString(run["m0"].Progress.Span));
        run.Says("m0", Succeeded, more: "{\"r\":1}"u8.ToArray());
        Assert.Equal("{\"r\":1}", Encoding.UTF8.GetString(run["m0"].Result.Span));
        run.Says("m1", Failed);
        Assert.Equal(new ExecutionError("broken", null), run["m1"].Error);
        Assert.Equal("incomplete", run.Status);
    }

    [Theory]
    [InlineData(Succeeded, Succeeded)]
    [InlineData(Succeeded, Failed)]
    [InlineData(Failed, Succeeded)]
    [InlineData(Rejected, InProgress)]
    [InlineData(Canceled, Succeeded)]
    public void Report_ChangesNothing_GivenAnEndThatTheMemberItselfSaid(ExecutionStatus said, ExecutionStatus then)
    {
        var run = new CommandRun(Plan, 2);
        run.Says("m0", said);
        long version = run.Command.Version;
        var again = run.Says("m0", then);
        Assert.Equal((Verdict.Unchanged, said, false), (again.Verdict, again.Status, again.IsCanceled));
        Assert.Equal((said, version), (run["m0"].Status, run.Command.Version));
        Assert.Null(run["m0"].Late);
    }

    [Fact]
    public void Report_TellsHowLongTheMemberTookToSayItsFirstWord_OfEachAttempt()
    {
        var run = new CommandRun(Plan with { Attempts = 2, MaxConcurrency = Amount.FromCount(1) }, 2);
        run.Sleeps(1_500);
        Assert.Equal(1_500, run.Says("m0", InProgress).TakenAfterMs);
        run.Sleeps(100);
        Assert.Null(run.Says("m0", InProgress).TakenAfterMs);
        Assert.Null(run.Says("m0", Failed).TakenAfterMs);
        run.Sleeps(40);
        Assert.Null(run.Says("m0", Succeeded, attempt: 1).TakenAfterMs);
        Assert.Equal(40, run.Says("m0", Succeeded).TakenAfterMs);
        Assert.Null(run.Says("m0", Succeeded).TakenAfterMs);
        run.Sleeps(7);
        Assert.Equal(7, run.Says("m1", Rejected).TakenAfterMs);
    }

    [Fact]
    public void Report_TellsNoTime_GivenAMemberThatHadBeenGivenUp()
    {
        var run = new CommandRun(Plan, 2);
        run.Says("m1", InProgress);
        run.Passes(10_000);
        Assert.Equal("undeliverable in_progress", run.States);
        Assert.Null(run.Says("m0", InProgress).TakenAfterMs);
    }

    [Fact]
    public void Report_IsStale_GivenAnotherConnectionThanTheOneThatHasIt()
    {
        var run = new CommandRun(Plan, 1);
        run.Says("m0", InProgress, by: "first");
        Assert.Equal(Verdict.Stale, run.Says("m0", InProgress, by: "second").Verdict);
        Assert.Equal(Verdict.Stale, run.Says("m0", Failed, by: "second").Verdict);
        Assert.Equal(Verdict.Applied, run.Says("m0", Succeeded, by: "first").Verdict);
        Assert.Equal(Verdict.Stale, run.Says("m0", InProgress, by: "second").Verdict);
        Assert.Equal(Verdict.Stale, run.Says("m0", Failed, by: "second").Verdict);
    }

    [Theory]
    [InlineData(Succeeded)]
    [InlineData(Failed)]
    [InlineData(Rejected)]
    [InlineData(Canceled)]
    public void End_IsConfirmedToAnotherConnection_GivenThatTheAnswerWasLostWithTheOneThatSaidIt(ExecutionStatus end)
    {
        var run = new CommandRun(Plan, 2);
        run.Says("m0", InProgress, by: "first");
        run.Says("m0", end, by: "first");
        long version = run.Command.Version;
        var again = run.Says("m0", end, by: "second");
        Assert.Equal((Verdict.Unchanged, end, false), (again.Verdict, again.Status, again.IsCanceled));
        run.Says("m1", Succeeded);
        Assert.Equal(Verdict.Unchanged, run.Says("m0", end, by: "third").Verdict);
        Assert.Equal((end, version), (run["m0"].Status, run["m0"].Version));
        Assert.Null(run["m0"].Late);
    }

    [Fact]
    public void End_IsStale_GivenAnotherConnection_AndAnAttemptThatIsOver()
    {
        var run = new CommandRun(Plan with { Attempts = 2 }, 1);
        run.Says("m0", Failed, by: "first");
        run.Says("m0", Failed, by: "first");
        Assert.Equal((2, Failed), (run["m0"].Attempt, run["m0"].Status));
        Assert.Equal(Verdict.Stale, run.Says("m0", Failed, attempt: 1, by: "second").Verdict);
    }

    [Fact]
    public void Report_IsTakenFromTheNextConnection_GivenThatTheOneThatHadItIsGone()
    {
        var run = new CommandRun(Plan, 2);
        run.Says("m0", InProgress, by: "first");
        run.Apply(new HolderLost(0, "somebody"));
        Assert.Equal(Verdict.Stale, run.Says("m0", Succeeded, by: "second").Verdict);
        run.Apply(new HolderLost(0, "first"));
        Assert.Equal(Verdict.Applied, run.Says("m0", Succeeded, by: "second").Verdict);
        run.Apply(new HolderLost(0, "second"));
        Assert.Equal(Verdict.Unchanged, run.Says("m0", Succeeded, by: "third").Verdict);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void Report_IsStale_GivenAnAttemptThatThereIsNot(int attempt)
    {
        var run = new CommandRun(Plan, 1);
        Assert.Equal(Verdict.Stale, run.Says("m0", Succeeded, attempt).Verdict);
        Assert.Equal("sent", run.States);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Report_IsStale_GivenAMemberWhoseTurnHasNotCome(int attempt)
    {
        var run = new CommandRun(Plan with { MaxConcurrency = Amount.FromCount(1) }, 2);
        Assert.Equal(Verdict.Stale, run.Says("m1", Succeeded, attempt).Verdict);
        Assert.Equal("sent queued", run.States);
    }

    [Theory]
    [InlineData(0, "m1")]
    [InlineData(0, "stranger")]
    [InlineData(2, "m0")]
    [InlineData(-1, "m0")]
    public void Report_IsUnknown_GivenAnExecutionThatTheMemberHasNot(int index, string member)
    {
        var run = new CommandRun(Plan, 2);
        var result = run.Apply(new MemberReported(new ExecutionReport
        {
            Index = index,
            Member = Domain.VisionId.Parse(member),
            By = "x",
            Attempt = 1,
            Status = Succeeded,
        }));
        Assert.Equal(Verdict.Unknown, result.Verdict);
        Assert.Equal("sent sent", run.States);
    }

    [Theory]
    [InlineData(Queued)]
    [InlineData(Sent)]
    [InlineData(TimedOut)]
    [InlineData(Undeliverable)]
    public void Report_Throws_GivenWhatAMemberCannotSay(ExecutionStatus status) =>
        Assert.Throws<ArgumentException>(() => new CommandRun(Plan, 1).Says("m0", status));

    [Fact]
    public void Attempt_FollowsAFailure_UntilThereAreNoMore()
    {
        var run = new CommandRun(Plan with { Attempts = 3 }, 1);
        Assert.Equal("send m0/1", run.Did());
        run.Says("m0", Failed);
        Assert.Equal(("send m0/2", "sent"), (run.Did(), run.States));
        run.Says("m0", InProgress, by: "another");
        run.Says("m0", Failed, by: "another");
        Assert.Equal("send m0/3", run.Did());
        run.Says("m0", Failed);
        Assert.Equal(("", "failed", "failed"), (run.Did(), run.States, run.Status));
    }

    [Theory]
    [InlineData(Rejected)]
    [InlineData(Canceled)]
    public void Attempt_IsTheLast_GivenAMemberThatWillNot(ExecutionStatus status)
    {
        var run = new CommandRun(Plan with { Attempts = 3 }, 1);
        run.Says("m0", status);
        Assert.Equal((1, status), (run["m0"].Attempt, run["m0"].Status));
    }

    [Fact]
    public void Attempt_HasItsOwnDeliveryTime_GivenTheOneBeforeFailed()
    {
        var run = new CommandRun(Plan with { Attempts = 2 }, 1);
        run.Passes(9_000);
        run.Says("m0", Failed);
        run.Passes(9_999);
        Assert.Equal("sent", run.States);
        run.Passes(1);
        Assert.Equal("undeliverable", run.States);
    }

    [Theory]
    [InlineData(Succeeded)]
    [InlineData(Failed)]
    public void LateWord_OfAnOlderAttempt_IsKeptAndChangesNothing(ExecutionStatus late)
    {
        var run = new CommandRun(Plan with { Attempts = 2, InProgressTimeout = TimeSpan.FromSeconds(1) }, 1);
        run.Says("m0", InProgress);
        run.Passes(1_000);
        Assert.Equal((2, Sent), (run["m0"].Attempt, run["m0"].Status));
        long version = run.Command.Version;

        Assert.Equal(Verdict.Stale, run.Says("m0", late, attempt: 1).Verdict);
        Assert.Equal((1, late, run.Now), (run["m0"].Late!.Attempt, run["m0"].Late!.Status, run["m0"].Late!.At));
        Assert.Equal((2, Sent, version), (run["m0"].Attempt, run["m0"].Status, run.Command.Version));

        Assert.Equal(Verdict.Stale, run.Says("m0", InProgress, attempt: 1).Verdict);
        Assert.Equal(late, run["m0"].Late!.Status);
    }

    [Theory]
    [InlineData(InProgress)]
    [InlineData(Succeeded)]
    [InlineData(Failed)]
    [InlineData(Rejected)]
    [InlineData(Canceled)]
    public void LateWord_ReplacesWhatTheServerGuessed_WhileTheCommandRuns(ExecutionStatus late)
    {
        var undelivered = new CommandRun(Plan with { DeliveryTimeout = TimeSpan.FromSeconds(1) }, 2);
        undelivered.Says("m1", InProgress);
        undelivered.Passes(1_000);
        Assert.Equal("undeliverable in_progress", undelivered.States);
        Assert.Equal(Verdict.Applied, undelivered.Says("m0", late).Verdict);
        Assert.Equal(late, undelivered["m0"].Status);

        var silent = new CommandRun(Plan with { InProgressTimeout = TimeSpan.FromSeconds(1) }, 2);
        silent.Says("m0", InProgress);
        silent.Passes(1_000);
        Assert.Equal("timed_out sent", silent.States);
        Assert.Equal(Verdict.Applied, silent.Says("m0", late).Verdict);
        Assert.Equal(late, silent["m0"].Status);
    }

    [Fact]
    public void LateWord_ThatItWorksOnIt_HoldsTheEndOpen()
    {
        var run = new CommandRun(Plan with { DeliveryTimeout = TimeSpan.FromSeconds(1) }, 2);
        run.Says("m1", InProgress);
        run.Passes(1_000);
        run.Says("m0", InProgress);
        run.Says("m1", Succeeded);
        Assert.Equal("in_progress", run.Status);
        run.Says("m0", Succeeded);
        Assert.Equal("succeeded", run.Status);
    }

    [Fact]
    public void LateWord_DoesNotBringAnotherAttempt_SinceItsPlaceIsTaken()
    {
        var run = new CommandRun(
            Plan with { Attempts = 3, DeliveryTimeout = TimeSpan.FromSeconds(1), MaxConcurrency = Amount.FromCount(1) }, 2);
        run.Passes(1_000);
        Assert.Equal(("undeliverable sent", "send m0/1, send m1/1"), (run.States, run.Did()));
        run.Says("m0", Failed);
        Assert.Equal(("failed sent", ""), (run.States, run.Did()));
    }

    [Theory]
    [InlineData(Succeeded, Verdict.Late)]
    [InlineData(Failed, Verdict.Late)]
    [InlineData(InProgress, Verdict.Unchanged)]
    public void LateWord_IsKeptAndChangesNothing_GivenThatTheCommandHasEnded(ExecutionStatus late, Verdict verdict)
    {
        var run = new CommandRun(Plan with { Deadline = TimeSpan.FromSeconds(5) }, 1);
        run.Says("m0", InProgress);
        run.Passes(5_000);
        long version = run.Command.Version;
        var result = run.Says("m0", late);
        Assert.Equal((verdict, TimedOut), (result.Verdict, result.Status));
        Assert.Equal(late == InProgress, result.IsCanceled);
        Assert.Equal((TimedOut, "timed_out deadline", version), (run["m0"].Status, run.Status, run.Command.Version));
        Assert.Equal(late == InProgress ? null : late, run["m0"].Late?.Status);
    }

    [Fact]
    public void LateWord_ComesTooLate_GivenThatNobodyHasLookedAtTheClockYet()
    {
        var run = new CommandRun(Plan with { Deadline = TimeSpan.FromSeconds(5) }, 1);
        run.Says("m0", InProgress);
        run.Sleeps(5_000);
        Assert.Equal(Verdict.Late, run.Says("m0", Succeeded).Verdict);
        Assert.Equal(("timed_out", "timed_out deadline"), (run.States, run.Status));
    }
}
