using System.Collections.Concurrent;
using Aether.Application.Commands;
using Aether.Application.Messaging;
using Aether.Application.Ports;
using Aether.Domain.Commands;
using MediatR;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Xunit;

namespace Aether.Tests.Unit.Commands;

/// <summary>What who watches a command is told of one that is there no more, and that who stops is no fault.</summary>
public sealed class CommandWatchesTests
{
    private readonly FakeTimeProvider time = new();
    private readonly ICommandStore store = Substitute.For<ICommandStore>();

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    public async Task Watch_IsToldOnceThatItIsGone_AndEnds_WhateverItKnew(long after)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        using var watches = new CommandWatches(store, time);
        store.GetVersionsAsync(default, [], stop.Token).ReturnsForAnyArgs([0L]);
        // At first nobody can be asked.
        store.GetChangesAsync(default, "", default, default, stop.Token)
            .ReturnsForAnyArgs(CommandPage.Unavailable, CommandPage.NotFound);
        var told = new ConcurrentQueue<CommandFound>();
        var running = watches.RunAsync(stop.Token);

        using var watch = watches.Watch(Some.Group, "c1", after, page =>
        {
            told.Enqueue(page.Status);
            return default;
        });
        await Eventually.HoldsAsync(
            () =>
            {
                time.Advance(CommandWatches.Pace);
                return watch.IsOver;
            },
            "it is over");

        Assert.Equal([CommandFound.NotFound], told);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        Assert.Equal([CommandFound.NotFound], told);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Host_ThatStopsWatching_IsNoFault(bool isCanceled)
    {
        var log = new LogOf<CommandWatches>();
        using var factory = LoggerFactory.Create(builder => builder.AddProvider(log));
        var clock = new CountingTime();
        using var watches = new CommandWatches(store, clock, factory.CreateLogger<CommandWatches>());
        int pages = 0;
        // There is always more, page after page.
        store.GetChangesAsync(
            default, "", Arg.Do<long>(_ => Interlocked.Increment(ref pages)), default, TestContext.Current.CancellationToken)
            .ReturnsForAnyArgs(call => FullPage(call.ArgAt<long>(2)));
        using var cancel = new CancellationTokenSource();
        var realtime = new Realtime(Substitute.For<IMediator>(), watches, clock);

        var stopping = Task.Run(async () =>
        {
            await foreach (var state in realtime.WatchCommand("g1", "c1", 0, cancel.Token))
            {
                // One page is read, one waits to be, and one for room behind that.
                await Eventually.HoldsAsync(() => Volatile.Read(ref pages) >= 3, "the watch waits for its reader");
                if (!isCanceled)
                    break;
                await cancel.CancelAsync();
            }
        }, TestContext.Current.CancellationToken);
        if (isCanceled)
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => stopping);
        else
            await stopping;

        await Eventually.HoldsAsync(() => clock.Asked > 0, "the look is over");
        Assert.Empty(log.Lines);
    }

    private static CommandPage FullPage(long after)
    {
        var run = new CommandRun(new CommandPlan(), CommandWatches.PageSize);
        var one = run["m0"].Summarize();
        return new CommandPage(
            CommandFound.Found,
            run.Command.Summarize() with { Version = long.MaxValue },
            [.. Enumerable.Range(1, CommandWatches.PageSize).Select(i => one with { Version = after + i })]);
    }

    private sealed class CountingTime : FakeTimeProvider
    {
        private int asked;

        public int Asked => Volatile.Read(ref asked);

        public override long GetTimestamp()
        {
            Interlocked.Increment(ref asked);
            return base.GetTimestamp();
        }
    }
}
