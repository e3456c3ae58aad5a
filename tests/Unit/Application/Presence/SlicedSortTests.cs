using Aether.Application.Presence;
using Aether.Application.Wire;
using Aether.Domain;
using CsCheck;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>That a large group is sorted as a small one is, and keeps nobody waiting meanwhile.</summary>
public sealed class SlicedSortTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(SlicedSort.Slice)]
    [InlineData(SlicedSort.Slice + 1)]
    [InlineData((2 * SlicedSort.Slice) + 1)]
    [InlineData(5_000)]
    public async Task ByClientIdAsync_IsInOrder_GivenAnyNumber(int count)
    {
        var members = MembersInAnyOrder(count);
        var expected = members.Select(member => member.ClientId.Value).Order(StringComparer.Ordinal);

        var sorted = await SlicedSort.ByClientIdAsync(members);

        Assert.Equal(expected, sorted.Select(member => member.ClientId.Value));
    }

    [Fact]
    public async Task ByClientIdAsync_IsInOrder_GivenAnyGroup() =>
        await Gen.Int[0, 3 * SlicedSort.Slice].SelectMany(count => Gen.Int[0, 2_000].Array[count])
            .SampleAsync(
                async numbers =>
                {
                    var sorted = await SlicedSort.ByClientIdAsync(numbers.Select(number => MemberOf($"c{number}")));
                    Assert.Equal(
                        numbers.Select(number => $"c{number}").Order(StringComparer.Ordinal),
                        sorted.Select(member => member.ClientId.Value));
                },
                iter: 100);

    [Fact]
    public async Task ByClientIdAsync_LetsOthersGoFirstAfterEachSlice_GivenOneThread()
    {
        const int Slices = 10;
        var cancellation = TestContext.Current.CancellationToken;
        var one = new ConcurrentExclusiveSchedulerPair().ExclusiveScheduler;
        var members = MembersInAnyOrder(Slices * SlicedSort.Slice);
        int turns = 0;
        bool ended = false;

        Task sorting = Task.CompletedTask;
        Task others = Task.CompletedTask;
        await Task.Factory.StartNew(
            () =>
            {
                sorting = SortAsync();
                others = CountAsync();
            },
            cancellation, TaskCreationOptions.None, one);
        await sorting;
        int meanwhile = turns;
        ended = true;
        await others;

        // Each slice is sorted once, and moved by each of the four rounds of merges.
        Assert.InRange(meanwhile, 4 * Slices, int.MaxValue);

        async Task SortAsync() => await SlicedSort.ByClientIdAsync(members);

        async Task CountAsync()
        {
            while (!Volatile.Read(ref ended))
            {
                Interlocked.Increment(ref turns);
                await Task.Yield();
            }
        }
    }

    private static Member[] MembersInAnyOrder(int count)
    {
        var members = Enumerable.Range(0, count).Select(i => MemberOf($"c{i}")).ToArray();
        new Random(count).Shuffle(members);
        return members;
    }

    private static Member MemberOf(string client) => new(
        VisionId.Parse(client), Role.Worker, ServerMessages.EmptyPayload, 1, DateTime.UnixEpoch, DateTime.UnixEpoch);
}
