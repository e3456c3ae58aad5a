using Aether.Application.Commands;
using Aether.Application.Ports;
using Aether.Application.Wire;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Xunit;

namespace Aether.Tests.Unit.Commands;

/// <summary>What a connection has to do with commands, when it may do less than before.</summary>
public sealed class ConnectionTiesTests
{
    [Fact]
    public async Task Commands_OfGroupsThatAreOutOfReach_AreWatchedNoLonger()
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var time = new FakeTimeProvider();
        var store = Substitute.For<ICommandStore>();
        store.GetVersionsAsync(default, [], stop.Token).ReturnsForAnyArgs(call => call.ArgAt<IReadOnlyList<string>>(1).Select(_ => 0L).ToArray());
        store.GetChangesAsync(default, "", default, default, stop.Token).ReturnsForAnyArgs(CommandPage.Unavailable);
        using var watches = new CommandWatches(store, time);
        // It is told nothing here.
        var ties = new ConnectionTies(null!, "i/1", watches, null!, new ServerMessages(time), 65_536);
        ties.Take(new WatchingCommand(Some.Group, "own", 0));
        ties.Take(new WatchingCommand(Some.OtherGroup, "other", 0));

        ties.LetGoOf(group => group == Some.OtherGroup);

        store.ClearReceivedCalls();
        var running = watches.RunAsync(stop.Token);
        await Eventually.HoldsAsync(
            () =>
            {
                time.Advance(CommandWatches.Pace);
                return store.ReceivedCalls().Count(call => call.GetArguments().Contains(Some.Group)) > 2;
            },
            "what is left is looked at");
        Assert.DoesNotContain(store.ReceivedCalls(), call => call.GetArguments().Contains(Some.OtherGroup));
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
    }
}
