using Aether.Application;
using Aether.Application.Ports;
using Aether.Application.Presence;
using Aether.Domain;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>Reads that many share, and the queries of groups and instances that use them.</summary>
public sealed class SharedReadTests
{
    private readonly IPresenceDirectory directory = Substitute.For<IPresenceDirectory>();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task GetAsync_ReadsOnceMore_ForAllWhoComeWhileOneIsUnderWay()
    {
        var reads = new List<TaskCompletionSource<int>>();
        var shared = new SharedRead<int>(
            () =>
            {
                reads.Add(new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously));
                return reads[^1].Task;
            },
            new FakeTimeProvider());

        var first = shared.GetAsync(Cancellation);
        var others = Enumerable.Range(0, 100).Select(_ => shared.GetAsync(Cancellation)).ToArray();
        Assert.Single(reads);
        reads[0].SetResult(1);
        Assert.Equal(1, await first);
        // They came after the first one began, so its answer is not theirs.
        await WaitAsync(() => reads.Count == 2);
        Assert.All(others, other => Assert.False(other.IsCompleted));
        reads[1].SetResult(2);

        Assert.All(await Task.WhenAll(others), answer => Assert.Equal(2, answer));
    }

    [Fact]
    public async Task GetAsync_Rests_GivenAReadThatTookLong()
    {
        var time = new FakeTimeProvider();
        int count = 0;
        var shared = new SharedRead<int>(
            () =>
            {
                time.Advance(TimeSpan.FromMilliseconds(100));
                return Task.FromResult(++count);
            },
            time);

        Assert.Equal(1, await shared.GetAsync(Cancellation));
        var next = shared.GetAsync(Cancellation);
        time.Advance(TimeSpan.FromMilliseconds(399));
        Assert.False(next.IsCompleted);
        time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Equal(2, await next);
    }

    [Fact]
    public async Task GetAsync_GoesOn_GivenAReadThatFailsAndOneWhoLeaves()
    {
        bool fails = true;
        var shared = new SharedRead<int>(
            () => fails ? Task.FromException<int>(new InvalidOperationException()) : Task.FromResult(7),
            new FakeTimeProvider());
        using var leaves = new CancellationTokenSource();
        await leaves.CancelAsync();

        await Assert.ThrowsAsync<InvalidOperationException>(() => shared.GetAsync(Cancellation));
        fails = false;
        Assert.Equal(7, await shared.GetAsync(Cancellation));
        var left = shared.GetAsync(leaves.Token);
        Assert.Equal(7, await shared.GetAsync(Cancellation));
        await Task.WhenAny(left);
    }

    [Fact]
    public async Task ReadGroups_SortsAndPages_AndLeavesOutWhatIsEmpty()
    {
        directory.GetGroupsAsync(null, Arg.Any<CancellationToken>()).Returns(
            [Size("b", 2), Size("d", 1), Size("c", 0), Size("a", 3)]);
        var handler = new ReadGroupsHandler(directory, TimeProvider.System);

        var page = (await handler.Handle(new ReadGroups(null, 1, 1), Cancellation)).Value;
        var rest = (await handler.Handle(new ReadGroups(null, 2, 500), Cancellation)).Value;
        var none = (await handler.Handle(new ReadGroups(null, int.MaxValue), Cancellation)).Value;

        Assert.Equal(("b", 3), (Assert.Single(page.Groups).GroupId.Value, page.Total));
        Assert.Equal("d", Assert.Single(rest.Groups).GroupId.Value);
        Assert.Empty(none.Groups);
    }

    [Fact]
    public async Task ReadGroups_AsksForThoseAlone_ThatMayBeKnown()
    {
        VisionId[] only = [VisionId.Parse("a")];
        directory.GetGroupsAsync(only, Arg.Any<CancellationToken>()).Returns([Size("a", 3)]);

        var answer = await new ReadGroupsHandler(directory, TimeProvider.System)
            .Handle(new ReadGroups(only), Cancellation);

        Assert.Equal(1, answer.Value.Total);
        await directory.DidNotReceive().GetGroupsAsync(null, Arg.Any<CancellationToken>());
    }

    [Fact]
    public async Task Query_IsRejected_GivenThatTheDirectoryIsUnavailable()
    {
        directory.GetGroupsAsync(default, Cancellation).ReturnsForAnyArgs((IReadOnlyList<GroupSize>?)null);
        directory.GetInstancesAsync(Cancellation).ReturnsForAnyArgs((IReadOnlyList<InstanceFacts>?)null);
        var groups = new ReadGroupsHandler(directory, TimeProvider.System);
        var instances = new ReadInstancesHandler(directory, TimeProvider.System);

        Rejection?[] rejections =
        [
            (await groups.Handle(new ReadGroups(null), Cancellation)).Rejection,
            (await groups.Handle(new ReadGroups([VisionId.Parse("a")]), Cancellation)).Rejection,
            (await instances.Handle(new ReadInstances(), Cancellation)).Rejection,
        ];

        Assert.All(rejections, rejection => Assert.Same(ErrorCode.BackplaneUnavailable, rejection?.Code));
    }

    private static GroupSize Size(string group, int members) => new(VisionId.Parse(group), members);

    private static async Task WaitAsync(Func<bool> condition)
    {
        while (!condition())
            await Task.Delay(1, Cancellation);
    }
}
