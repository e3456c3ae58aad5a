using Aether.Domain.Commands;
using Xunit;
using static Aether.Domain.Commands.ExecutionStatus;

namespace Aether.Tests.Unit.Commands;

/// <summary>Whose turn it is: the window, the batches, the pauses, and what stops all of it.</summary>
public sealed class CommandRolloutTests
{
    private static readonly Amount One = Amount.FromCount(1);
    private static readonly CommandPlan Plan = new();
    private static readonly CommandPlan Staged = Plan with { Batches = [One, Amount.FromCount(3), One] };

    [Fact]
    public void Start_SendsToAll_GivenNoLimit()
    {
        var run = new CommandRun(Plan, 3);
        Assert.Equal("send m0/1, send m1/1, send m2/1", run.Did());
        Assert.Equal(("in_progress", 1), (run.Status, run.Command.Batch));
    }

    [Fact]
    public void Start_Throws_GivenNobodyOrTheSameTwiceOrTooMany()
    {
        Assert.Throws<ArgumentException>(() => new CommandRun(Plan, 0));
        Assert.Throws<ArgumentException>(() => new CommandRun(Plan, "a", "b", "a"));
        Assert.Throws<ArgumentException>(() => new CommandRun(Plan, 10_001));
    }

    [Fact]
    public void Window_SlidesOnWithEachEnd_GivenACount()
    {
        var run = new CommandRun(Plan with { MaxConcurrency = Amount.FromCount(2) }, 4);
        Assert.Equal(("sent sent queued queued", "send m0/1, send m1/1"), (run.States, run.Did()));
        run.Says("m1", InProgress);
        Assert.Equal("", run.Did());
        run.Says("m1", Succeeded);
        Assert.Equal("send m2/1", run.Did());
        run.Says("m0", Rejected);
        Assert.Equal(("rejected succeeded sent sent", "send m3/1"), (run.States, run.Did()));
    }

    [Fact]
    public void Window_IsAShareOfTheTargets_RoundedUp() =>
        Assert.Equal(2, new CommandRun(Plan with { MaxConcurrency = Amount.FromShare(0.3m) }, 5).Command.Counts.Sent);

    [Fact]
    public void Window_MovesOn_GivenAMemberThatIsNeverThere()
    {
        var run = new CommandRun(Plan with { MaxConcurrency = One, DeliveryTimeout = TimeSpan.FromSeconds(2) }, 2);
        run.Passes(2_000);
        Assert.Equal("undeliverable sent", run.States);
    }

    [Fact]
    public void Window_LetsNobodyIn_GivenThatALateWordTookAPlaceMore()
    {
        var run = new CommandRun(Plan with { MaxConcurrency = One, DeliveryTimeout = TimeSpan.FromSeconds(2) }, 3);
        run.Passes(2_000);
        run.Says("m0", InProgress);
        run.Says("m1", Succeeded);
        Assert.Equal("in_progress succeeded queued", run.States);
        run.Says("m0", Succeeded);
        Assert.Equal("succeeded succeeded sent", run.States);
    }

    [Fact]
    public void Batch_BeginsWhenTheOneBeforeHasEnded_GivenACanary()
    {
        var run = new CommandRun(Staged, 5);
        Assert.Equal(("send m0/1", 1), (run.Did(), run.Command.Batch));
        run.Says("m0", Succeeded);
        Assert.Equal(("send m1/1, send m2/1", 2), (run.Did(), run.Command.Batch));
        run.Says("m2", Succeeded);
        Assert.Equal("", run.Did());
        run.Says("m1", Succeeded);
        Assert.Equal(("send m3/1, send m4/1", 3), (run.Did(), run.Command.Batch));
        run.Says(Succeeded, "m3", "m4");
        Assert.Equal("succeeded", run.Status);
    }

    [Fact]
    public void Batch_OfNobody_IsLeftOut()
    {
        var run = new CommandRun(Plan with { Batches = [One, Amount.FromShare(0.1m), One], Pause = true }, 5);
        run.Says("m0", Succeeded);
        Assert.Equal("paused batch_ended", run.Status);
        run.Apply(new ResumeAsked());
        Assert.Equal(3, run.Command.Batch);
        Assert.Equal("succeeded sent sent sent sent", run.States);
    }

    [Fact]
    public void Batch_IsHeldBackByTheWindowAsWell()
    {
        var run = new CommandRun(Staged with { MaxConcurrency = One }, 5);
        run.Says("m0", Succeeded);
        Assert.Equal("send m0/1, send m1/1", run.Did());
    }

    [Fact]
    public void Batch_WaitsForALateWordThatReopenedIt_BeforeTheNextBegins()
    {
        var run = new CommandRun(
            Plan with { Batches = [Amount.FromCount(2), One], DeliveryTimeout = TimeSpan.FromSeconds(2), MinSucceeded = One },
            3);
        run.Says("m1", InProgress);
        run.Passes(2_000);
        run.Says("m0", InProgress);
        run.Says("m1", Succeeded);
        Assert.Equal("in_progress succeeded queued", run.States);
        run.Says("m0", Succeeded);
        Assert.Equal("succeeded succeeded sent", run.States);
    }

    [Fact]
    public void Pause_ComesAfterEachBatchButTheLast()
    {
        var run = new CommandRun(Staged with { Pause = true }, 5);
        run.Says("m0", Succeeded);
        Assert.Equal("paused batch_ended", run.Status);
        run.Passes(20_000);
        Assert.Equal("succeeded queued queued queued queued", run.States);
        run.Apply(new ResumeAsked());
        run.Says(Succeeded, "m1", "m2");
        Assert.Equal("paused batch_ended", run.Status);
        run.Apply(new ResumeAsked());
        run.Says(Succeeded, "m3", "m4");
        Assert.Equal("succeeded", run.Status);
    }

    [Fact]
    public void Resume_StartsABatchOnce_GivenThatTwoAskAtOnce()
    {
        var run = new CommandRun(Staged with { Pause = true }, 5);
        run.Says("m0", Succeeded);
        run.Did();
        Assert.Equal(Verdict.Applied, run.Apply(new ResumeAsked()).Verdict);
        Assert.Equal(Verdict.Unchanged, run.Apply(new ResumeAsked()).Verdict);
        Assert.Equal(("send m1/1, send m2/1", 2), (run.Did(), run.Command.Batch));
    }

    [Fact]
    public void Resume_ChangesNothing_GivenACommandThatIsNotPaused()
    {
        var run = new CommandRun(Staged, 5);
        Assert.Equal(Verdict.Unchanged, run.Apply(new ResumeAsked()).Verdict);
        run.Apply(new CancelAsked());
        run.Passes(10_000);
        Assert.Equal(Verdict.Unchanged, run.Apply(new ResumeAsked()).Verdict);
        Assert.Equal("canceled requested", run.Status);
    }

    [Theory]
    [InlineData(Failed)]
    [InlineData(Rejected)]
    [InlineData(Canceled)]
    public void Batch_ThatSucceededTooLittle_PausesAndDoesNotGoOn(ExecutionStatus end)
    {
        var run = new CommandRun(Staged, 5);
        run.Says("m0", end);
        Assert.Equal("paused too_few_succeeded", run.Status);
        run.Apply(new ResumeAsked());
        Assert.Equal("sent sent queued queued", run.States[(run.States.IndexOf(' ', StringComparison.Ordinal) + 1)..]);
    }

    [Fact]
    public void Batch_ThatNobodyTook_Pauses()
    {
        var run = new CommandRun(Staged, 5);
        run.Passes(10_000);
        Assert.Equal("paused too_few_succeeded", run.Status);
    }

    [Theory]
    [InlineData(2, "in_progress")]
    [InlineData(1, "paused too_few_succeeded")]
    public void Batch_NeedsItsPartOfTheQuorum_GivenHalfOfAll(int succeeded, string status)
    {
        var run = new CommandRun(
            Plan with { MinSucceeded = Amount.FromShare(0.5m), Batches = [Amount.FromCount(3), One] }, 10);
        for (int i = 0; i < 3; i++)
            run.Says($"m{i}", i < succeeded ? Succeeded : Failed);
        Assert.Equal(status, run.Status);
    }

    [Theory]
    [InlineData(4, 1, "paused too_few_succeeded")]
    [InlineData(0, 2, "in_progress")]
    [InlineData(1, 1, "paused too_few_succeeded")]
    public void Batch_IsHeldToItsOwnPart_WhateverTheOneBeforeItDid(int before, int succeeded, string status)
    {
        var run = new CommandRun(
            Plan with { MinSucceeded = Amount.FromShare(0.5m), Batches = [Amount.FromCount(4), Amount.FromCount(8)] }, 12);
        for (int i = 0; i < 4; i++)
            run.Says($"m{i}", i < before ? Succeeded : Failed);
        run.Apply(new ResumeAsked());
        for (int i = 4; i < 8; i++)
            run.Says($"m{i}", i < 4 + succeeded ? Succeeded : Failed);
        Assert.Equal(status, run.Status);
    }

    [Theory]
    [InlineData(2, "in_progress", "")]
    [InlineData(3, "aborted too_many_failed", "canceled")]
    public void Abort_MeansMoreThan_GivenACount(int failures, string status, string rest)
    {
        var run = new CommandRun(
            Plan with { Abort = new AbortCriteria(Amount.FromCount(2)), MaxConcurrency = One }, 10);
        for (int i = 0; i < failures; i++)
            run.Says($"m{i}", Failed);
        run.Passes(0);
        Assert.Equal(status, run.Status);
        Assert.Equal(rest.Length > 0 ? 10 - failures : 0, run.Command.Counts.Canceled);
    }

    [Theory]
    [InlineData(2, 8, "in_progress")]
    [InlineData(2, 7, "aborted too_many_failed")]
    [InlineData(3, 7, "aborted too_many_failed")]
    public void Abort_MeansMoreThan_GivenAShareOfThoseThatEnded(int failed, int succeeded, string status)
    {
        var run = new CommandRun(
            Plan with { Abort = new AbortCriteria(Amount.FromShare(0.2m), failed + succeeded), MaxConcurrency = One }, 20);
        for (int i = 0; i < failed + succeeded; i++)
            run.Says($"m{i}", i < failed ? Failed : Succeeded);
        Assert.Equal(status, run.Status);
    }

    [Theory]
    [InlineData(9, "in_progress")]
    [InlineData(10, "aborted too_many_failed")]
    public void Abort_WaitsUntilEnoughHaveEnded_GivenOneOfOneThatFailed(int ended, string status)
    {
        var run = new CommandRun(
            Plan with { Abort = new AbortCriteria(Amount.FromShare(0.03m), 10), MaxConcurrency = One }, 40);
        for (int i = 0; i < ended; i++)
            run.Says($"m{i}", i == 0 ? Failed : Succeeded);
        Assert.Equal(status, run.Status);
    }

    [Theory]
    [InlineData(Failed)]
    [InlineData(Rejected)]
    [InlineData(TimedOut)]
    public void Abort_CountsThoseThatTriedAndDidNotSucceed(ExecutionStatus end)
    {
        var run = new CommandRun(
            Plan with { Abort = new AbortCriteria(Amount.FromCount(0)), InProgressTimeout = TimeSpan.FromSeconds(1) }, 2);
        run.Says("m1", InProgress);
        run.Says("m0", InProgress);
        if (end == TimedOut)
            run.Passes(500);
        run.Says("m1", InProgress);
        if (end == TimedOut)
            run.Passes(500);
        else
            run.Says("m0", end);
        Assert.Equal((end, CommandStatus.Aborted), (run["m0"].Status, run.Command.Ending));
    }

    [Fact]
    public void Abort_NeverCountsWhoCouldNotBeReached_NeitherAsFailedNorAsEnded()
    {
        var criteria = new AbortCriteria(Amount.FromShare(0.5m), 2);
        var run = new CommandRun(Plan with { Abort = criteria, DeliveryTimeout = TimeSpan.FromSeconds(1) }, 6);
        run.Says("m5", InProgress);
        run.Says("m4", InProgress);
        run.Passes(1_000);
        Assert.Equal(4, run.Command.Counts.Undeliverable);
        run.Says("m4", Failed);
        Assert.Null(run.Command.Ending);
        run.Says("m5", Failed);
        Assert.Equal("aborted too_many_failed", run.Status);
    }

    [Fact]
    public void Abort_IsNotMet_GivenALateWordOfSuccessThatCameInTime()
    {
        var run = new CommandRun(
            Plan with { Abort = new AbortCriteria(Amount.FromCount(1)), InProgressTimeout = TimeSpan.FromSeconds(1) }, 3);
        run.Says("m0", InProgress);
        run.Passes(1_000);
        run.Says("m0", Succeeded);
        run.Says("m1", Failed);
        Assert.Equal("in_progress", run.Status);
    }

    [Fact]
    public void Abort_SendsNothingMoreAndCallsOffTheRest()
    {
        var run = new CommandRun(
            Plan with { Abort = new AbortCriteria(Amount.FromCount(0)), MaxConcurrency = Amount.FromCount(2), Attempts = 2 },
            4);
        run.Says("m0", Rejected);
        Assert.Equal("send m0/1, send m1/1, cancel m1", run.Did());
        Assert.Equal(("rejected sent canceled canceled", "in_progress too_many_failed"), (run.States, run.Status));
        run.Says("m1", Failed);
        Assert.Equal(("", "aborted too_many_failed"), (run.Did(), run.Status));
    }

    [Fact]
    public void Quorum_LetsTheOthersGoOn_GivenThatNothingElseIsSaid()
    {
        var run = new CommandRun(Plan with { MinSucceeded = One }, 2);
        run.Says("m0", Succeeded);
        Assert.Equal("in_progress", run.Status);
        run.Says("m1", Failed);
        Assert.Equal("succeeded", run.Status);
    }

    [Fact]
    public void Quorum_CallsOffTheRest_GivenStopAtQuorum()
    {
        var run = new CommandRun(
            Plan with { MinSucceeded = Amount.FromShare(0.5m), StopAtQuorum = true, MaxConcurrency = Amount.FromCount(3) }, 4);
        run.Says("m0", Succeeded);
        run.Did();
        run.Says("m1", Succeeded);
        Assert.Equal(("cancel m2, cancel m3", "succeeded succeeded sent sent"), (run.Did(), run.States));
        run.Says("m2", Canceled);
        run.Says("m3", Succeeded);
        Assert.Equal("succeeded quorum_reached", run.Status);
    }
}
