using System.Collections.Concurrent;
using Aether.Application;
using Aether.Application.Commands;
using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Domain;
using Aether.Domain.Commands;
using Aether.Infrastructure.InMemory;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Xunit;

namespace Aether.Tests.Unit.Commands;

/// <summary>What members get after their instance may have missed something.</summary>
public sealed class MissedExecutionsTests : IDisposable
{
    private static readonly VisionId Quiet = Some.OtherGroup;

    private readonly FakeTimeProvider time = new();
    private readonly InMemoryCommandStore commands;
    private readonly ICommandStore store = Substitute.For<ICommandStore>();
    private readonly CommandWatches watches;
    private readonly ConcurrentQueue<string> sent = new();
    private readonly ConcurrentQueue<VisionId> asked = new();
    private readonly CommandRunner runner;
    private readonly MissedExecutions missed;
    private int away;

    public MissedExecutionsTests()
    {
        commands = new InMemoryCommandStore(new InMemoryLeaseStore(time), new CommandOptions(), time);
        watches = new CommandWatches(store, time);
#pragma warning disable CA2012 // They are called to say what they return.
        store.HasRunningAsync(default, default).ReturnsForAnyArgs(call => IsAway()
            ? default
            : commands.HasRunningAsync(call.Arg<VisionId>(), default));
        store.ConnectAsync(default, default!, default).ReturnsForAnyArgs(call =>
        {
            asked.Enqueue(call.Arg<MemberConnected>().Member);
            return IsAway() ? default : commands.ConnectAsync(call.Arg<VisionId>(), call.Arg<MemberConnected>(), default);
        });
#pragma warning restore CA2012
        runner = new CommandRunner(
            store,
            new FakeBus((message, _) =>
            {
                sent.Enqueue(message.ToId.Value);
                return new(PublishResult.To(1));
            }),
            new ServerMessages(time),
            watches,
            time);
        missed = new MissedExecutions(store, runner);
    }

    public void Dispose() => watches.Dispose();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Members_GetWhatTheyHaveNotTaken_AndAGroupWithoutCommandsIsAskedForOnce()
    {
        await StartAsync("a", "b");

        await missed.SendAgainAsync(
            [Here("a"), Here("b"), Here("c"), Here("a", Quiet), Here("b", Quiet), Here("c", Quiet)], Token);

        Assert.Equal(["a", "b"], sent.Order());
        Assert.Equal(["a", "b", "c"], asked.Select(static one => one.Value).Order());
        await store.Received(1).HasRunningAsync(Quiet, Arg.Any<CancellationToken>());
        await store.Received(1).HasRunningAsync(Some.Group, Arg.Any<CancellationToken>());
    }

    [Fact]
    public async Task Members_GetIt_GivenAStoreThatIsAwayForSomeTime()
    {
        await StartAsync("a");
        away = 4;
        var sending = missed.SendAgainAsync([Here("a")], Token);
        await PassUntilAsync(() => sending.IsCompleted);
        Assert.Equal(["a"], sent);
        Assert.Equal(4, asked.Count);
    }

    [Fact]
    public async Task Newcomer_GetsIt_GivenAStoreThatIsAwayForSomeTime()
    {
        await StartAsync("a");
        away = 2;
        var connecting = runner.ConnectAsync(Some.Group, VisionId.Parse("a"), Role.Worker);
        await PassUntilAsync(() => connecting.IsCompleted);
        Assert.Equal(["a"], sent);
        Assert.Equal(3, asked.Count);
    }

    [Fact]
    public async Task Nobody_IsAskedForAnyMore_WhoHasGone()
    {
        await StartAsync("a", "b");
        away = int.MaxValue;
        bool isThere = true;
        var connecting = runner.ConnectAsync(Some.Group, VisionId.Parse("a"), Role.Worker, () => isThere);
        Assert.Single(asked);
        isThere = false;
        await PassUntilAsync(() => connecting.IsCompleted);
        await missed.SendAgainAsync([Here("b") with { IsThere = static () => false }], Token);
        Assert.Single(asked);
    }

    [Fact]
    public async Task Members_AreAskedForSomeAtATime_AndAFaultOfOneKeepsNobodyElse()
    {
        var any = new MemberConnected(Some.Client, Role.None);
        const int Members = 5 * MissedExecutions.AtOnce;
        int now = 0, most = 0;
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
#pragma warning disable CA2012 // It is called to say what it returns.
        store.HasRunningAsync(default, Token).ReturnsForAnyArgs(new ValueTask<bool?>(true));
        store.ConnectAsync(Some.Group, any, Token).ReturnsForAnyArgs(call => AskAsync(call.Arg<MemberConnected>().Member));
#pragma warning restore CA2012

        var sending = missed.SendAgainAsync(Enumerable.Range(0, Members).Select(i => Here("m" + i)), Token);
        await Eventually.HoldsAsync(() => Volatile.Read(ref now) == MissedExecutions.AtOnce, "as many as may are asked for");
        go.SetResult();
        await sending;

        Assert.Equal((Members, MissedExecutions.AtOnce), (asked.Count(static one => one.Value[0] == 'm'), most));

        async ValueTask<IReadOnlyList<CommandChange>?> AskAsync(VisionId member)
        {
            InterlockedMax(ref most, Interlocked.Increment(ref now));
            asked.Enqueue(member);
            await go.Task;
            Interlocked.Decrement(ref now);
            return member.Value == "m0" ? throw new InvalidCastException("a bug") : [];
        }
    }

    private static void InterlockedMax(ref int most, int value)
    {
        int known;
        while ((known = Volatile.Read(ref most)) < value && Interlocked.CompareExchange(ref most, value, known) != known)
        {
        }
    }

    private static ConnectedMember Here(string client, VisionId? group = null) =>
        new(group ?? Some.Group, VisionId.Parse(client), Role.Worker, static () => true);

    private bool IsAway() => Interlocked.Decrement(ref away) >= 0;

    private Task PassUntilAsync(Func<bool> holds) => Eventually.HoldsAsync(
        () =>
        {
            time.Advance(TimeSpan.FromSeconds(1));
            return holds();
        },
        "it has asked again");

    private async Task StartAsync(params string[] members) => await commands.StartAsync(
        new CommandOrder
        {
            Id = "c1",
            GroupId = Some.Group,
            FromId = Some.Client,
            Cmd = "go",
            Payload = "{}"u8.ToArray(),
            Plan = new CommandPlan { Deadline = TimeSpan.FromHours(10), DeliveryTimeout = TimeSpan.FromHours(9) },
        },
        [.. members.Select(VisionId.Parse)],
        Token);
}
