using System.Collections.Concurrent;
using Aether.Application.Commands;
using Aether.Application.Ports;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Xunit;

namespace Aether.Tests.Unit.Commands;

/// <summary>What who watches a command is told of one that is there no more.</summary>
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
}
