using Aether.Application.Ports;
using Aether.Application.Presence;
using Aether.Application.Wire;
using Aether.Domain;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>That many who ask at a time share a read, and that nobody gets one from before it asked.</summary>
public sealed class SharedPresenceReadsTests : IDisposable
{
    private readonly IPresenceStore inner = Substitute.For<IPresenceStore>();
    private readonly Queue<TaskCompletionSource<IReadOnlyList<Member>?>> reads = [];
    private readonly FakeTimeProvider time = new();
    private readonly SharedPresenceReads shared;
    private readonly SemaphoreSlim begun = new(0);

    public SharedPresenceReadsTests()
    {
        shared = new SharedPresenceReads(inner, time);
        inner.GetMembersAsync(default, default).ReturnsForAnyArgs(_ =>
        {
            var read = new TaskCompletionSource<IReadOnlyList<Member>?>();
            lock (reads)
                reads.Enqueue(read);
            begun.Release();
            return read.Task;
        });
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        shared.Dispose();
        begun.Dispose();
    }

    [Fact]
    public async Task GetMembersAsync_OneReadForAllWhoWait_GivenManyAtATime()
    {
        var first = Ask();
        var read = await NextReadAsync();
        var late = Enumerable.Range(0, 100).Select(_ => Ask()).ToArray();
        Assert.False(begun.Wait(0, Cancellation));

        read.SetResult([MemberOf("a")]);
        Assert.Single((await first)!);
        // What was read before they asked is not theirs.
        var second = await NextReadAsync();
        Assert.All(late, answer => Assert.False(answer.IsCompleted));
        second.SetResult([MemberOf("b"), MemberOf("a")]);

        var answers = await Task.WhenAll(late);
        Assert.All(answers, answer => Assert.Same(answers[0], answer));
        Assert.Equal(["a", "b"], answers[0]!.Select(member => member.ClientId.Value));
        await inner.Received(2).GetMembersAsync(Some.Group, Arg.Any<CancellationToken>());
    }

    [Theory]
    [InlineData(10, 40)]
    [InlineData(1_000, 250)]
    public async Task GetMembersAsync_RestsInBetween_GivenAReadThatTookLong(int tookMs, int restMs)
    {
        var first = Ask();
        var read = await NextReadAsync();
        time.Advance(TimeSpan.FromMilliseconds(tookMs));
        read.SetResult([]);
        await first;
        var second = Ask();
        time.Advance(TimeSpan.FromMilliseconds(restMs - 1));
        Assert.False(begun.Wait(0, Cancellation));

        await RunAsync(TimeSpan.FromMilliseconds(1));
        (await NextReadAsync()).SetResult(null);
        Assert.Null(await second);
    }

    [Fact]
    public async Task GetMembersAsync_FailsForThoseWhoWaitedAndNobodyElse_GivenAReadThatFails()
    {
        var first = Ask();
        (await NextReadAsync()).SetException(new InvalidOperationException("a bug"));
        await Assert.ThrowsAsync<InvalidOperationException>(() => first);

        var second = Ask();
        (await NextReadAsync()).SetResult([]);
        Assert.Empty((await second)!);
    }

    [Fact]
    public async Task GetMembersAsync_EndsForWhoGaveUpAlone_GivenACancelledToken()
    {
        using var impatient = new CancellationTokenSource();
        var first = shared.GetMembersAsync(Some.Group, impatient.Token);
        var other = Ask();
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);

        (await NextReadAsync()).SetResult([]);
        (await NextReadAsync()).SetResult([]);
        Assert.Empty((await other)!);
    }

    [Fact]
    public async Task GetMembersAsync_ReadsSomeAtOnce_GivenManyGroups()
    {
        var answers = Enumerable.Range(0, 10)
            .Select(i => shared.GetMembersAsync(VisionId.Parse($"g{i}"), Cancellation)).ToArray();
        for (int i = 0; i < 4; i++)
            await begun.WaitAsync(Cancellation);
        Assert.False(begun.Wait(0, Cancellation));

        for (int i = 0; i < answers.Length; i++)
        {
            TaskCompletionSource<IReadOnlyList<Member>?> read;
            lock (reads)
                read = reads.Dequeue();
            read.SetResult([]);
            if (i < 6)
                await begun.WaitAsync(Cancellation);
        }
        await Task.WhenAll(answers);
    }

    [Theory]
    [InlineData(null, 0, 2, "a,b", 4)]
    [InlineData(null, 3, 2, "d", 4)]
    [InlineData(null, 9, 2, "", 4)]
    [InlineData(Role.Observer, 0, 500, "b,d", 2)]
    public async Task PageOf_IsWhatTheSpecificationGives_GivenASnapshot(
        Role? role, int offset, int limit, string clients, int total)
    {
        Member[] members =
        [
            MemberOf("d", Role.Observer), MemberOf("a"), MemberOf("c"), MemberOf("b", Role.Observer),
        ];
        var snapshot = await MembersSnapshot.OfAsync(members);
        var query = new RosterQuery { Role = role, Offset = offset, Limit = limit };

        foreach (var list in new IReadOnlyList<Member>[] { members, snapshot })
        {
            var page = MembersSnapshot.PageOf(list, query).Page;
            Assert.Equal(clients, string.Join(',', page.Members.Select(member => member.ClientId.Value)));
            Assert.Equal(total, page.Total);
        }
        Assert.Same(MembersSnapshot.PageOf(snapshot, query), MembersSnapshot.PageOf(snapshot, query));
        var sorted = query with { Sort = new RosterSort(RosterOrder.ClientId, Descending: true) };
        Assert.Equal(total, MembersSnapshot.PageOf(snapshot, sorted).Page.Total);
    }

    private static Member MemberOf(string client, Role role = Role.Worker) => new(
        VisionId.Parse(client), role, ServerMessages.EmptyPayload, 1, DateTime.UnixEpoch, DateTime.UnixEpoch);

    private Task<IReadOnlyList<Member>?> Ask() => shared.GetMembersAsync(Some.Group, Cancellation);

    private async Task<TaskCompletionSource<IReadOnlyList<Member>?>> NextReadAsync()
    {
        await begun.WaitAsync(Cancellation);
        lock (reads)
            return reads.Dequeue();
    }

    // The rest begins a moment after the answer, so the clock may be moved before it is waited for.
    private async Task RunAsync(TimeSpan step)
    {
        while (begun.CurrentCount == 0)
        {
            time.Advance(step);
            await Task.Yield();
        }
    }
}
