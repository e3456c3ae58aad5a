using Aether.Domain;
using Aether.Domain.Commands;
using Xunit;
using static Aether.Domain.Commands.ExecutionStatus;

namespace Aether.Tests.Unit.Commands;

/// <summary>How a command ends: by its counts, by its limits, by being called off.</summary>
public sealed class CommandEndTests
{
    private static readonly CommandPlan Plan = new();

    [Theory]
    [InlineData(3, "succeeded")]
    [InlineData(2, "succeeded")]
    [InlineData(1, "incomplete")]
    [InlineData(0, "failed")]
    public void End_IsByHowManySucceeded_GivenTwoOfThree(int succeeded, string status)
    {
        var run = new CommandRun(Plan with { MinSucceeded = Amount.FromCount(2) }, 3);
        for (int i = 0; i < 3; i++)
            run.Says($"m{i}", i < succeeded ? Succeeded : Rejected);
        Assert.Equal(status, run.Status);
        Assert.Null(run.Command.NextDueAt);
    }

    [Fact]
    public void Delivery_IsOver_GivenAMemberThatDoesNotTakeIt()
    {
        var run = new CommandRun(Plan with { Attempts = 5 }, 1);
        run.Passes(9_999);
        Assert.Equal("sent", run.States);
        run.Passes(1);
        Assert.Equal(("undeliverable", "failed"), (run.States, run.Status));
    }

    [Fact]
    public void Delivery_CountsFromAMembersTurn()
    {
        var run = new CommandRun(Plan with { MaxConcurrency = Amount.FromCount(1) }, 2);
        run.Passes(8_000);
        run.Says("m0", Succeeded);
        run.Passes(9_999);
        Assert.Equal("succeeded sent", run.States);
        run.Passes(1);
        Assert.Equal("succeeded undeliverable", run.States);
    }

    [Fact]
    public void InProgress_HasNoLimit_GivenNone()
    {
        var run = new CommandRun(Plan with { Deadline = TimeSpan.FromHours(1) }, 1);
        run.Says("m0", InProgress);
        run.Passes(3_599_999);
        Assert.Equal("in_progress", run.States);
    }

    [Fact]
    public void InProgress_IsOver_GivenNoReportForTooLong_AndEachReportBeginsAnew()
    {
        var run = new CommandRun(Plan with { InProgressTimeout = TimeSpan.FromSeconds(3) }, 1);
        run.Says("m0", InProgress);
        for (int i = 0; i < 5; i++)
        {
            run.Passes(2_999);
            run.Says("m0", InProgress);
        }
        Assert.Equal("in_progress", run.States);
        run.Passes(3_000);
        Assert.Equal(("timed_out", "failed"), (run.States, run.Status));
    }

    [Fact]
    public void InProgress_ThatIsOver_BringsTheNextAttempt()
    {
        var run = new CommandRun(Plan with { InProgressTimeout = TimeSpan.FromSeconds(1), Attempts = 2 }, 1);
        run.Says("m0", InProgress);
        run.Passes(1_000);
        Assert.Equal("send m0/1, send m0/2", run.Did());
        run.Says("m0", InProgress);
        run.Passes(1_000);
        Assert.Equal("timed_out", run.States);
    }

    [Fact]
    public void Deadline_EndsEverything_WhateverItIs()
    {
        var run = new CommandRun(
            Plan with { Deadline = TimeSpan.FromSeconds(15), MaxConcurrency = Amount.FromCount(2), Attempts = 5 }, 5);
        run.Says("m0", Succeeded);
        run.Says("m1", InProgress);
        run.Passes(14_999);
        Assert.Equal("in_progress", run.Status);
        Assert.Equal("succeeded in_progress undeliverable sent queued", run.States);
        run.Did();
        run.Passes(1);
        Assert.Equal("succeeded timed_out undeliverable timed_out timed_out", run.States);
        Assert.Equal(("timed_out deadline", ""), (run.Status, run.Did()));
        Assert.Equal(CommandRun.Start + 15_000, run.Command.EndedAt);
    }

    [Fact]
    public void Deadline_IsSuccess_GivenThatAsManyAsRequiredHaveSucceeded()
    {
        var run = new CommandRun(Plan with { MinSucceeded = Amount.FromCount(1) }, 2);
        run.Says("m0", Succeeded);
        run.Says("m1", InProgress);
        run.Passes(60_000);
        Assert.Equal(("succeeded timed_out", "succeeded deadline"), (run.States, run.Status));
    }

    [Fact]
    public void Deadline_EndsAPausedCommand()
    {
        var run = new CommandRun(Plan with { Batches = [Amount.FromCount(1), Amount.FromCount(1)], Pause = true }, 2);
        run.Says("m0", Succeeded);
        run.Passes(60_000);
        Assert.Equal(("succeeded timed_out", "timed_out deadline"), (run.States, run.Status));
    }

    [Theory]
    [InlineData(typeof(TimePassed))]
    [InlineData(typeof(CancelAsked))]
    [InlineData(typeof(ResumeAsked))]
    public void Deadline_IsKept_GivenThatNobodyLookedAtTheClockInTime(Type happened)
    {
        var plan = Plan with { Deadline = TimeSpan.FromSeconds(20), MaxConcurrency = Amount.FromCount(2) };
        var run = new CommandRun(plan, 3);
        run.Says("m0", InProgress);
        run.Sleeps(30_000);
        run.Did();
        run.Apply((CommandEvent)Activator.CreateInstance(happened)!);
        // What was due before the deadline has happened before it, and nothing is begun behind it.
        Assert.Equal(("timed_out undeliverable timed_out", "timed_out deadline"), (run.States, run.Status));
        Assert.Equal("", run.Did());
    }

    [Fact]
    public void Deadline_ComesBeforeALimitBehindIt_GivenThatNobodyLookedAtTheClockInTime()
    {
        var run = new CommandRun(
            Plan with { Deadline = TimeSpan.FromSeconds(5), InProgressTimeout = TimeSpan.FromSeconds(10), Attempts = 2 }, 2);
        run.Says("m0", InProgress);
        run.Sleeps(30_000);
        run.Apply(new TimePassed());
        Assert.Equal(("timed_out timed_out", "timed_out deadline"), (run.States, run.Status));
    }

    [Fact]
    public void TimePassed_TwiceAtOnce_DoesItOnce_GivenTwoInstances()
    {
        var run = new CommandRun(Plan with { InProgressTimeout = TimeSpan.FromSeconds(1), Attempts = 3 }, 2);
        run.Says(InProgress, "m0", "m1");
        run.Did();
        run.Sleeps(1_000);
        Assert.Equal(Verdict.Applied, run.Apply(new TimePassed()).Verdict);
        Assert.Equal("send m0/2, send m1/2", run.Did());
        Assert.Equal(Verdict.Unchanged, run.Apply(new TimePassed()).Verdict);
        Assert.Equal("", run.Did());
    }

    [Fact]
    public void Cancel_GivesThoseThatHaveItTenSeconds_AndTheOthersNothing()
    {
        var run = new CommandRun(Plan with { MaxConcurrency = Amount.FromCount(3), Attempts = 2 }, 5);
        run.Says("m0", InProgress);
        run.Says("m1", InProgress);
        run.Did();
        Assert.Equal(Verdict.Applied, run.Apply(new CancelAsked()).Verdict);
        Assert.Equal("cancel m0, cancel m1, cancel m2", run.Did());
        Assert.Equal(
            ("in_progress in_progress sent canceled canceled", "in_progress requested"), (run.States, run.Status));

        var word = run.Says("m0", InProgress);
        Assert.Equal((Verdict.Applied, InProgress, true), (word.Verdict, word.Status, word.IsCanceled));
        run.Says("m0", Succeeded);
        run.Passes(9_999);
        Assert.Equal("succeeded in_progress sent canceled canceled", run.States);
        run.Passes(1);
        Assert.Equal(
            ("succeeded canceled canceled canceled canceled", "canceled requested"), (run.States, run.Status));
        Assert.Equal("", run.Did());
    }

    [Fact]
    public void Cancel_KeepsTheWordOfWhoCouldNotStopInTime_AsLate()
    {
        var run = new CommandRun(Plan, 1);
        run.Says("m0", InProgress);
        run.Apply(new CancelAsked());
        run.Passes(10_000);
        var working = run.Says("m0", InProgress);
        Assert.Equal((Verdict.Unchanged, true), (working.Verdict, working.IsCanceled));
        Assert.Equal(Verdict.Late, run.Says("m0", Succeeded).Verdict);
        Assert.Equal((Canceled, Succeeded), (run["m0"].Status, run["m0"].Late!.Status));
    }

    [Fact]
    public void Cancel_EndsAsSoonAsAllHaveStopped_AndAFailureIsNotTriedAgain()
    {
        var run = new CommandRun(Plan with { Attempts = 3 }, 2);
        run.Apply(new CancelAsked());
        run.Says("m0", Canceled);
        run.Says("m1", Failed);
        Assert.Equal(("canceled failed", "canceled requested"), (run.States, run.Status));
    }

    [Fact]
    public void Cancel_EndsAtOnce_GivenThatNobodyHasIt()
    {
        var run = new CommandRun(Plan with { Batches = [Amount.FromCount(1), Amount.FromCount(1)], Pause = true }, 2);
        run.Says("m0", Succeeded);
        run.Apply(new CancelAsked());
        Assert.Equal(("succeeded canceled", "canceled requested"), (run.States, run.Status));
    }

    [Fact]
    public void Cancel_TwiceOrAfterTheEnd_ChangesNothing()
    {
        var run = new CommandRun(Plan, 1);
        run.Apply(new CancelAsked());
        run.Passes(5_000);
        run.Did();
        Assert.Equal(Verdict.Unchanged, run.Apply(new CancelAsked()).Verdict);
        Assert.Equal("", run.Did());
        run.Passes(5_000);
        Assert.Equal("canceled requested", run.Status);
        Assert.Equal(Verdict.Unchanged, run.Apply(new CancelAsked()).Verdict);
    }

    [Fact]
    public void Cancel_IsOverAtTheDeadline_AtTheLatest()
    {
        var run = new CommandRun(Plan with { Deadline = TimeSpan.FromSeconds(5) }, 1);
        run.Says("m0", InProgress);
        run.Passes(1_000);
        run.Apply(new CancelAsked());
        run.Passes(4_000);
        Assert.Equal(("canceled", "canceled requested"), (run.States, run.Status));
    }

    [Fact]
    public void Cancel_SuspendsTheOtherLimits()
    {
        var run = new CommandRun(
            Plan with { InProgressTimeout = TimeSpan.FromSeconds(2), DeliveryTimeout = TimeSpan.FromSeconds(2) }, 2);
        run.Says("m0", InProgress);
        run.Apply(new CancelAsked());
        run.Says("m0", InProgress);
        run.Passes(9_999);
        Assert.Equal("in_progress sent", run.States);
    }

    [Fact]
    public void Cancel_TellsWhoSaysAgainThatItWorks_ButDoesNotBeginAnew()
    {
        var run = new CommandRun(Plan with { DeliveryTimeout = TimeSpan.FromSeconds(1) }, 2);
        run.Says("m1", InProgress);
        run.Passes(1_000);
        run.Apply(new CancelAsked());
        var word = run.Says("m0", InProgress);
        Assert.Equal((Verdict.Unchanged, Undeliverable, true), (word.Verdict, word.Status, word.IsCanceled));
        Assert.Equal(Verdict.Applied, run.Says("m0", Succeeded).Verdict);
    }

    [Fact]
    public void Retry_IsForThoseThatDidNotSucceed_InTheirOrder()
    {
        var run = new CommandRun(Plan, 4);
        run.Says("m1", Succeeded);
        run.Says("m2", Rejected);
        run.Says("m0", Failed);
        run.Passes(10_000);
        Assert.Equal(["m0", "m2", "m3"], run.Command.FindUnsuccessful().Select(one => one.Value));
    }

    [Fact]
    public void Continuous_RunsToItsDeadline_AndTakesInWhoComes()
    {
        var run = new CommandRun(Plan with { IsContinuous = true, Role = Role.Worker }, "a");
        run.Says("a", Succeeded);
        Assert.Equal("in_progress", run.Status);
        run.Did();
        Assert.Equal(Verdict.Applied, run.Connects("b", Role.Worker).Verdict);
        Assert.Equal(Verdict.Unchanged, run.Connects("c", Role.Observer).Verdict);
        Assert.Equal("send b/1", run.Did());
        run.Says("b", Failed);
        Assert.Equal(2, run.Command.Counts.Total);
        run.Passes(60_000);
        Assert.Equal("incomplete", run.Status);
    }

    [Fact]
    public void Continuous_DoesNotTakeInItsGiver()
    {
        var run = new CommandRun(Plan with { IsContinuous = true }, "a");
        run.Did();
        Assert.Equal(Verdict.Unchanged, run.Connects("giver").Verdict);
        Assert.Equal(("", 1), (run.Did(), run.Command.Counts.Total));
    }

    [Fact]
    public void Continuous_EndsEarly_GivenAQuorumThatStopsIt()
    {
        var run = new CommandRun(
            Plan with { IsContinuous = true, StopAtQuorum = true, MinSucceeded = Amount.FromCount(2) }, "a");
        run.Says("a", Succeeded);
        run.Connects("b");
        run.Says("b", Succeeded);
        Assert.Equal("succeeded quorum_reached", run.Status);
        Assert.Equal(Verdict.Unchanged, run.Connects("c").Verdict);
        Assert.Equal(2, run.Command.Counts.Total);
    }

    [Fact]
    public void Continuous_CountsWhoComesInItsShares()
    {
        var run = new CommandRun(Plan with { IsContinuous = true, MaxConcurrency = Amount.FromShare(0.5m) }, "a", "b");
        Assert.Equal("sent queued", run.States);
        run.Connects("c");
        Assert.Equal("sent sent queued", run.States);
    }

    [Fact]
    public void Continuous_LetsWhoComesWait_GivenAPause()
    {
        var run = new CommandRun(
            Plan with { IsContinuous = true, Pause = true, Batches = [Amount.FromCount(1), Amount.FromCount(1)] }, "a", "b");
        run.Says("a", Succeeded);
        run.Connects("c");
        Assert.Equal("succeeded queued queued", run.States);
        run.Apply(new ResumeAsked());
        Assert.Equal("succeeded sent sent", run.States);
    }
}
