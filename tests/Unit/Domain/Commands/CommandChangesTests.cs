using Aether.Domain.Commands;
using Xunit;
using static Aether.Domain.Commands.ExecutionStatus;

namespace Aether.Tests.Unit.Commands;

/// <summary>What a watcher reads: versions, and what has changed since one.</summary>
public sealed class CommandChangesTests
{
    private static readonly CommandPlan Plan = new() { MaxConcurrency = Amount.FromCount(2) };

    [Fact]
    public void Version_GrowsByOne_WithEachChange()
    {
        var run = new CommandRun(Plan, 3);
        Assert.Equal(3, run.Command.Version);
        run.Says("m0", InProgress);
        Assert.Equal((4L, 4L), (run.Command.Version, run["m0"].Version));
        run.Says("m0", InProgress);
        Assert.Equal(5, run.Command.Version);
        // Its end, and the next one's turn.
        run.Says("m0", Succeeded);
        Assert.Equal((7L, 6L, 7L), (run.Command.Version, run["m0"].Version, run["m2"].Version));
    }

    [Fact]
    public void ChangedSince_GivesEachOnce_InTheOrderOfItsLastChange()
    {
        var run = new CommandRun(Plan, 3);
        long begun = run.Command.Version;
        Assert.Equal("m0 m1", Changed(run, 0));
        Assert.Equal("", Changed(run, begun));
        run.Says("m1", InProgress);
        run.Says("m0", InProgress);
        run.Says("m1", InProgress);
        Assert.Equal("m0 m1", Changed(run, begun));
        Assert.Equal("m1", Changed(run, run["m0"].Version));
        run.Says("m0", Succeeded);
        Assert.Equal("m1 m0 m2", Changed(run, begun));
    }

    [Fact]
    public void ChangedSince_GoesOnWhereAPartEnded_GivenALimit()
    {
        var run = new CommandRun(new CommandPlan(), 10);
        var seen = new List<string>();
        for (long version = 0; ;)
        {
            var part = run.Command.ChangedSince(version, 3);
            if (part.Count == 0)
                break;
            Assert.InRange(part.Count, 1, 3);
            seen.AddRange(part.Select(one => one.Member.Value));
            version = part[^1].Version;
        }
        Assert.Equal(Enumerable.Range(0, 10).Select(i => $"m{i}"), seen);
    }

    [Fact]
    public void Summary_StaysAsItIs_GivenThatTheCommandGoesOn()
    {
        var run = new CommandRun(Plan, 1);
        var command = run.Command.Summarize();
        var execution = run["m0"].Summarize();
        run.Says("m0", Succeeded);
        Assert.Equal((CommandStatus.InProgress, 1, 0L), (command.Status, command.Counts.Sent, command.EndedAt));
        Assert.Equal((Sent, 1), (execution.Status, execution.Attempt));
    }

    [Fact]
    public void Names_AreRead_GivenEachThatIsWritten()
    {
        foreach (var status in Enum.GetValues<CommandStatus>())
        {
            Assert.True(CommandStatusNames.TryParse(status.ToWire(), out var read));
            Assert.Equal(status, read);
        }
        foreach (var status in Enum.GetValues<ExecutionStatus>())
        {
            Assert.True(ExecutionStatusNames.TryParse(status.ToWire(), out var read));
            Assert.Equal(status, read);
        }
        Assert.Equal(
            "queued sent in_progress succeeded failed rejected timed_out canceled undeliverable",
            string.Join(' ', Enum.GetValues<ExecutionStatus>().Select(status => status.ToWire())));
        Assert.False(CommandStatusNames.TryParse("running", out _));
        Assert.False(ExecutionStatusNames.TryParse(null, out _));
    }

    private static string Changed(CommandRun run, long since) =>
        string.Join(' ', run.Command.ChangedSince(since, 100).Select(one => one.Member.Value));
}
