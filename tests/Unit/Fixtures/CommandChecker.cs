using Aether.Domain.Commands;
using Xunit;

namespace Aether.Tests.Unit.Commands;

/// <summary>
/// Looks at a command after each event, and at what it has to do, and knows nothing of how it came to that: everything is
/// counted anew from the executions.
/// </summary>
internal sealed class CommandChecker(Command command)
{
    private readonly HashSet<(int Index, int Attempt)> sent = [];
    private Snapshot before = new();
    private bool isReopened;

    private CommandPlan Plan => command.Order.Plan;

    private int Targets => command.Executions.Count;

    public void Check(CommandEvent? happened, Transition transition, long now)
    {
        var after = new Snapshot(command);
        CheckCounts(after);
        CheckExecutions(happened, after);
        CheckVersions(after);
        CheckEffects(transition, after);
        CheckRollout(after);
        CheckEnd(after, now);
        before = after;
    }

    private void CheckCounts(Snapshot after)
    {
        var found = after.Rows.CountBy(row => row.Status).ToDictionary();
        int Of(ExecutionStatus status) => found.GetValueOrDefault(status);
        Assert.Equal(
            new ExecutionCounts(
                Of(ExecutionStatus.Queued), Of(ExecutionStatus.Sent), Of(ExecutionStatus.InProgress),
                Of(ExecutionStatus.Succeeded), Of(ExecutionStatus.Failed), Of(ExecutionStatus.Rejected),
                Of(ExecutionStatus.TimedOut), Of(ExecutionStatus.Canceled), Of(ExecutionStatus.Undeliverable)),
            command.Counts);
        Assert.Equal(Targets, command.Counts.Total);
    }

    private void CheckExecutions(CommandEvent? happened, Snapshot after)
    {
        for (int i = 0; i < before.Rows.Length; i++)
        {
            var (was, has) = (before.Rows[i], after.Rows[i]);
            Assert.InRange(has.Attempt, was.Attempt, Plan.Attempts);
            if (was.Status == has.Status)
                continue;
            if (was.Status == ExecutionStatus.Queued)
                Assert.True(has.Status is ExecutionStatus.Canceled or ExecutionStatus.TimedOut || has.Attempt > 0);
            if (!was.Status.IsEnded())
                continue;
            // An end gives way to nothing but the member's own word, and that only where the server had guessed.
            Assert.True(was.Status.IsGuess(), $"{was.Status} became {has.Status}");
            Assert.False(before.Status.IsEnded());
            var report = Assert.IsType<MemberReported>(happened).Report;
            Assert.Equal((i, has.Status, was.Attempt), (report.Index, report.Status, report.Attempt));
            isReopened |= has.Status.IsOpen();
        }
    }

    private void CheckVersions(Snapshot after)
    {
        var changed = after.Rows.Where((row, i) => i >= before.Rows.Length || row != before.Rows[i]).ToList();
        Assert.InRange(after.Version, before.Version + changed.Count(row => row.Version > 0), long.MaxValue);
        if (after.Status != before.Status || after.Batch != before.Batch)
            Assert.True(after.Version > before.Version);
        foreach (long since in (long[])[0, before.Version, after.Version])
        {
            Assert.Equal(
                command.Executions.Where(one => one.Version > since).OrderBy(one => one.Version),
                command.ChangedSince(since, int.MaxValue));
        }
        Assert.Equal(
            after.Rows.Count(row => row.Version > 0), after.Rows.Select(row => row.Version).Where(v => v > 0).Distinct().Count());
    }

    private void CheckEffects(Transition transition, Snapshot after)
    {
        int first = after.Rows.Length;
        foreach (var effect in transition.Effects)
        {
            var execution = command.Executions[effect.Index];
            Assert.Equal((execution.Member, execution.Attempt), (effect.Member, effect.Attempt));
            if (effect.Kind == EffectKind.Cancel)
            {
                Assert.True(command.Ending is not null
                    && (execution.Status.IsOpen() || execution.Status == ExecutionStatus.Canceled));
                continue;
            }
            Assert.Equal(ExecutionStatus.Sent, execution.Status);
            // What is called off by the same event is told so behind the command, and nothing is sent after that.
            if (command.Ending is not null)
                Assert.True(before.Ending is null && transition.Effects.Contains(effect with { Kind = EffectKind.Cancel }));
            if (sent.Add((effect.Index, effect.Attempt)) && effect.Attempt == 1)
            {
                // Turns are in order, none has two, and nobody has one in a batch that has not begun.
                Assert.Equal(sent.Count(one => one.Attempt == 1) - 1, effect.Index);
                first = Math.Min(first, effect.Index);
            }
            Assert.True(effect.Attempt == 1 || sent.Contains((effect.Index, effect.Attempt - 1)));
        }
        // Whoever has been asked was told to be, and nobody else.
        foreach (var (row, i) in after.Rows.Select((row, i) => (row, i)))
            Assert.Equal(row.Attempt, sent.Count(one => one.Index == i));
        bool hasBegun = first < after.Rows.Length;
        if (hasBegun && command.Ending is null)
            Assert.InRange(command.Counts.Open, 1, Plan.WindowOf(Targets));
        if (!isReopened)
            Assert.InRange(command.Counts.Open, 0, Plan.WindowOf(Targets));
    }

    private void CheckRollout(Snapshot after)
    {
        Assert.InRange(after.Batch, before.Batch, int.MaxValue);
        int started = sent.Count(one => one.Attempt == 1);
        Assert.InRange(started, 0, Plan.LimitOf(after.Batch, Targets));
        if (after.Batch > before.Batch && before.Batch > 0)
        {
            // All that had their turn before have ended, unless a late word opened one of them again.
            var had = after.Rows.Where((_, i) => i < before.Rows.Length && before.Rows[i].Attempt > 0);
            Assert.All(had, row => Assert.True(row.Status.IsEnded() || isReopened));
        }
        if (after.Status == CommandStatus.Paused)
        {
            Assert.InRange(started, 1, Targets - 1);
            Assert.True(Plan.Pause || command.Reason == CommandReason.TooFewSucceeded);
        }
        // Whatever can go on goes on: nothing waits for an event that nobody sends.
        if (after.Status == CommandStatus.InProgress && command.Ending is null && !Plan.IsContinuous)
            Assert.True(command.Counts.Open > 0);
    }

    private void CheckEnd(Snapshot after, long now)
    {
        var counts = command.Counts;
        int required = Plan.MinSucceeded?.Of(Targets) ?? Targets;
        bool isAborted = Plan.Abort is { } abort && counts.Executed >= abort.MinExecuted
            && (abort.Failures.IsShare
                ? counts.Failures > counts.Executed * decimal.Parse(
                    abort.Failures.ToString(), System.Globalization.CultureInfo.InvariantCulture)
                : counts.Failures > abort.Failures.Of(0));
        if (!after.Status.IsEnded())
        {
            Assert.True(now < command.DeadlineAt, "it runs after its deadline");
            Assert.InRange(command.NextDueAt!.Value, 0, command.DeadlineAt);
            Assert.Equal(0, command.EndedAt);
            if (command.Ending is null)
                Assert.False(isAborted || (Plan.StopAtQuorum && counts.Succeeded >= required));
            return;
        }
        Assert.Equal((0, null), (counts.Queued + counts.Open, command.NextDueAt));
        if (before.Status.IsEnded())
        {
            Assert.Equal((before.Version, before.Status), (after.Version, after.Status));
            Assert.Equal(before.Rows, after.Rows);
            return;
        }
        Assert.Equal(now, command.EndedAt);
        switch (after.Status)
        {
            case CommandStatus.Succeeded:
                Assert.InRange(counts.Succeeded, required, Targets);
                break;
            case CommandStatus.Incomplete:
                Assert.InRange(counts.Succeeded, 1, required - 1);
                break;
            case CommandStatus.Failed:
                Assert.Equal(0, counts.Succeeded);
                break;
            case CommandStatus.TimedOut:
                Assert.True(now >= command.DeadlineAt && counts.Succeeded < required);
                break;
            case CommandStatus.Aborted:
                // Who was given up, and so called it off, may have said since that it succeeded.
                Assert.True(
                    Plan.Abort is not null && (before.Ending == CommandStatus.Aborted || counts.Failures > 0));
                break;
        }
    }

    private sealed record Row(ExecutionStatus Status, int Attempt, long Version);

    private sealed class Snapshot
    {
        public Snapshot()
        {
        }

        public Snapshot(Command command)
        {
            Rows = [.. command.Executions.Select(one => new Row(one.Status, one.Attempt, one.Version))];
            (Status, Ending, Batch, Version) = (command.Status, command.Ending, command.Batch, command.Version);
        }

        public Row[] Rows { get; } = [];

        public CommandStatus Status { get; }

        public CommandStatus? Ending { get; }

        public int Batch { get; }

        public long Version { get; }
    }
}
