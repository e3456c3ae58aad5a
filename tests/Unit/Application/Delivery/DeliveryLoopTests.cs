using Aether.Application.Delivery;
using Aether.Domain;
using Xunit;

namespace Aether.Tests.Unit;

public sealed class DeliveryLoopTests
{
    private readonly DeliveryLoop loop = new DeliveryLoops(1, capacity: 8).Next();

    [Fact]
    public async Task SendAsync_KeepsTheOrder_GivenAnInboxThatIsFull()
    {
        var connection = new FakeConnection(Some.Client, Some.Group, loop);
        connection.Gate.Reset();
        var frames = Enumerable.Range(0, 300).Select(i => Frame.OfText(BitConverter.GetBytes(i))).ToList();
        var puts = frames.Select(frame => loop.SendAsync(connection, frame).AsTask()).ToList();
        Assert.Contains(puts, put => !put.IsCompleted);
        connection.Gate.Set();
        await Task.WhenAll(puts);
        await Eventually.HoldsAsync(() => connection.Frames.Count == frames.Count, "everything is there");
        Assert.Equal(frames, connection.Frames);
    }

    [Fact]
    public async Task SendAsync_FlushesOnceForABatch()
    {
        var connection = new FakeConnection(Some.Client, Some.Group, loop);
        connection.Gate.Reset();
        var puts = Enumerable.Range(0, 9).Select(_ => loop.SendAsync(connection, Frame.KeepAlive).AsTask()).ToList();
        connection.Gate.Set();
        await Task.WhenAll(puts);
        await Eventually.HoldsAsync(() => connection is { Frames.Count: 9, IsFlushed: true }, "everything is flushed");
        Assert.InRange(connection.Flushes, 1, 3);
    }

    [Fact]
    public async Task SendAsync_LosesNothing_GivenManyThreadsAndALoopThatFallsAsleep()
    {
        const int Threads = 4;
        const int Each = 5_000;
        var connection = new FakeConnection(Some.Client, Some.Group, loop);
        await Task.WhenAll(Enumerable.Range(0, Threads).Select(_ => Task.Run(async () =>
        {
            for (int i = 0; i < Each; i++)
            {
                await loop.SendAsync(connection, Frame.KeepAlive);
                if (i % 50 == 0)
                    await Task.Yield();
            }
        })));
        await Eventually.HoldsAsync(() => connection is { Frames.Count: Threads * Each, IsFlushed: true },
            "everything is flushed");
        Assert.False(connection.Overlapped);
    }

    [Fact]
    public async Task RunAfterAsync_ComesAfterWhatWasPutBefore_AndRunDoesNotWaitForIt()
    {
        var connection = new FakeConnection(Some.Client, Some.Group, loop);
        connection.Gate.Reset();
        await loop.SendAsync(connection, Frame.KeepAlive);
        await loop.SendAsync(connection, Frame.KeepAlive);
        var seen = new TaskCompletionSource<int>();
        var turn = new TaskCompletionSource();
        await loop.RunAfterAsync(() => seen.SetResult(connection.Frames.Count));
        loop.Run(turn.SetResult);
        connection.Gate.Set();
        Assert.Equal(2, await seen.Task);
        await turn.Task;
    }

    [Fact]
    public async Task RunAfterAsync_ComesBeforeWhatIsPutBehindIt_GivenFramesOfOneChannelAroundIt()
    {
        var channel = new ChannelReceivers(ChannelName.Group(Some.Group), loops: 1);
        var connection = new FakeConnection(Some.Client, Some.Group, loop);
        var frames = Enumerable.Range(0, 3).Select(i => Frame.OfText(BitConverter.GetBytes(i))).ToList();
        using var gate = new ManualResetEventSlim();
        loop.Run(() => channel.Of(loop).Add(connection));
        loop.Run(gate.Wait);

        Assert.True(loop.TryPut(channel, frames[0]));
        await loop.RunAfterAsync(() => DeliveryLoop.SendAll([connection], frames[1]));
        Assert.True(loop.TryPut(channel, frames[2]));
        gate.Set();

        await Eventually.HoldsAsync(() => connection.Frames.Count == frames.Count, "everything is there");
        Assert.Equal(frames, connection.Frames);
    }

    [Fact]
    public async Task SendAll_FlushesEveryConnection()
    {
        var connections = Enumerable.Range(0, 5).Select(_ =>
            new FakeConnection(Some.Client, Some.Group, loop)).ToList();
        loop.Run(() => DeliveryLoop.SendAll(connections, Frame.KeepAlive));
        await Eventually.HoldsAsync(() => connections.All(c => c is { Frames.Count: 1, IsFlushed: true, Flushes: 1 }),
            "all are pinged");
    }

    [Fact]
    public void Next_DealsOutTheLoopsInTurn()
    {
        var loops = new DeliveryLoops(3);
        var dealt = Enumerable.Range(0, 9).Select(_ => loops.Next()).ToList();
        Assert.All(dealt.GroupBy(one => one), same => Assert.Equal(3, same.Count()));
        Assert.Equal(3, dealt.Distinct().Count());
    }
}
