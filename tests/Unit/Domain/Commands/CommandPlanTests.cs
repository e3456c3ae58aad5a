using Aether.Domain.Commands;
using Xunit;

namespace Aether.Tests.Unit.Commands;

/// <summary>What a plan may say, and what it means for so many targets.</summary>
public sealed class CommandPlanTests
{
    private static readonly Amount One = Amount.FromCount(1);
    private static readonly Amount Tenth = Amount.FromShare(0.1m);

    public static TheoryData<string, CommandPlan> Faults => new()
    {
        { "delivery_timeout_ms", new() { DeliveryTimeout = TimeSpan.Zero } },
        { "delivery_timeout_ms", new() { DeliveryTimeout = TimeSpan.FromDays(1) + TimeSpan.FromMilliseconds(1) } },
        { "in_progress_timeout_ms", new() { InProgressTimeout = TimeSpan.FromMilliseconds(-1) } },
        { "in_progress_timeout_ms", new() { InProgressTimeout = TimeSpan.FromDays(2) } },
        { "deadline_ms", new() { Deadline = TimeSpan.Zero } },
        { "deadline_ms", new() { Deadline = TimeSpan.FromDays(1) + TimeSpan.FromMilliseconds(1) } },
        { "attempts", new() { Attempts = 0 } },
        { "attempts", new() { Attempts = 11 } },
        { "min_succeeded", new() { MinSucceeded = Amount.FromCount(0) } },
        { "max_concurrency", new() { MaxConcurrency = Amount.FromCount(0) } },
        { "batches", new() { Batches = [One, Amount.FromCount(0)] } },
        { "batches", new() { Batches = [.. Enumerable.Repeat(One, 101)] } },
        { "abort.min_executed", new() { Abort = new AbortCriteria(One, 0) } },
    };

    public static TheoryData<CommandPlan> Good => new()
    {
        new CommandPlan(),
        new CommandPlan { Deadline = TimeSpan.FromDays(1), DeliveryTimeout = TimeSpan.FromDays(1), Attempts = 10 },
        new CommandPlan { Batches = [.. Enumerable.Repeat(One, 100)], Abort = new AbortCriteria(Amount.FromCount(0)) },
    };

    [Theory]
    [MemberData(nameof(Faults), DisableDiscoveryEnumeration = true)]
    public void FindFault_NamesTheField_GivenWhatItMayNotSay(string field, CommandPlan plan)
    {
        Assert.Equal(field, plan.FindFault()?.Field);
        var thrown = Assert.Throws<ArgumentException>(() => new CommandRun(plan, 1));
        Assert.Contains(field, thrown.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Good), DisableDiscoveryEnumeration = true)]
    public void FindFault_FindsNone_GivenTheBoundsThemselves(CommandPlan plan) => Assert.Null(plan.FindFault());

    [Fact]
    public void LimitOf_IsCumulative_GivenACanaryATenthAndEverybody() =>
        Assert.Equal([1, 10, 100, 100], Limits([One, Tenth, One], 100));

    [Fact]
    public void LimitOf_IsEverybody_GivenNoBatches() => Assert.Equal([5], Limits([], 5)[..1]);

    [Fact]
    public void LimitOf_LeavesTheRestToOneMoreBatch_GivenThatTheLastOneIsNotEverybody() =>
        Assert.Equal([2, 4, 9], Limits([Amount.FromCount(2), Amount.FromCount(4)], 9));

    [Fact]
    public void LimitOf_NeverFallsAndIsNeverMoreThanThereAre_GivenAnyOrder() =>
        Assert.Equal([4, 4, 5, 5], Limits([Amount.FromCount(4), Tenth, Amount.FromCount(9)], 5));

    [Theory]
    [InlineData(1, 1)]
    [InlineData(10, 5)]
    [InlineData(11, 6)]
    [InlineData(100, 50)]
    public void RequiredOfBatch_IsTheirPartRoundedUp_GivenHalfOfAll(int limit, int expected) =>
        Assert.Equal(expected, new CommandPlan { MinSucceeded = Amount.FromShare(0.5m) }.RequiredOfBatch(limit, 100));

    [Fact]
    public void RequiredOfBatch_IsNoMoreThanThereAre_GivenThatMoreAreRequiredThanThereAreTargets() =>
        Assert.Equal(2, new CommandPlan { MinSucceeded = Amount.FromCount(50) }.RequiredOfBatch(2, 10));

    [Theory]
    [InlineData(30, 20, 10)]
    [InlineData(45, 5, 1)]
    [InlineData(0, 50, 40)]
    public void ForRetry_RequiresWhatIsMissing_GivenFortyOfFifty(int succeeded, int left, int expected)
    {
        var retry = new CommandPlan { MinSucceeded = Amount.FromShare(0.8m), IsContinuous = true }
            .ForRetry(succeeded, left);
        Assert.Equal((expected, false), (retry.RequiredOf(left), retry.IsContinuous));
    }

    [Fact]
    public void ForRetry_RequiresAll_GivenThatAllWereRequired() =>
        Assert.Equal(7, new CommandPlan().ForRetry(3, 7).RequiredOf(7));

    private static int[] Limits(Amount[] batches, int targets) =>
        [.. Enumerable.Range(1, batches.Length + 1).Select(i => new CommandPlan { Batches = batches }.LimitOf(i, targets))];
}
