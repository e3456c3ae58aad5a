using Aether.Application.Delivery;
using Aether.Application.FanOut;
using Aether.Application.Wire;
using Aether.Domain;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Aether.Tests.Unit;

public sealed class CoalescingTests
{
    private const int Warm = 7;
    private static readonly TimeSpan Window = TimeSpan.FromMilliseconds(1);
    private static readonly VisionId A = VisionId.Parse("a");
    private static readonly VisionId B = VisionId.Parse("b");
    private static readonly VisionId G = VisionId.Parse("g");

    private readonly FakeTimeProvider time = new();
    private readonly DeliveryLoop loop;
    private readonly Hub hub;
    private readonly FakeConnection a;

    public CoalescingTests()
    {
        (hub, loop) = Create(Window);
        a = new FakeConnection(A, G, loop);
    }

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Deliver_WritesAtOnce_GivenAQuietGroup()
    {
        await AttachAsync(a);
        for (int i = 1; i <= 3; i++)
        {
            await SendAsync(ChannelName.Group(G));
            await IdleAsync();
            Assert.Equal(i, a.Frames.Count);
            Assert.Equal(i, a.Flushes);
            time.Advance(Window);
        }
    }

    [Fact]
    public async Task Deliver_HoldsFramesAndFlushesThemOnce_GivenAHotGroup()
    {
        await AttachAsync(a);
        await HeatAsync(ChannelName.Group(G));
        for (int i = 0; i < 5; i++)
        {
            await SendAsync(ChannelName.Group(G));
            await IdleAsync();
        }
        Assert.Equal(Warm, a.Frames.Count);
        time.Advance(Window);
        await Eventually.HoldsAsync(() => a is { Frames.Count: Warm + 5, IsFlushed: true }, "what was held is written");
        Assert.Equal(Warm + 1, a.Flushes);
    }

    [Fact]
    public async Task Deliver_WritesAtOnce_GivenABurstInAGroupThatIsQuietOtherwise()
    {
        await AttachAsync(a);
        for (int burst = 1; burst <= 4; burst++)
        {
            for (int i = 0; i < 4; i++)
            {
                await SendAsync(ChannelName.Group(G));
                await IdleAsync();
            }
            Assert.Equal(4 * burst, a.Frames.Count);
            time.Advance(10 * Window);
        }
    }

    [Fact]
    public async Task Deliver_KeepsTheOrder_GivenFramesHeldAndFramesAfterThem()
    {
        await AttachAsync(a);
        for (int i = 0; i < 200; i++)
        {
            await hub.ReceiveAsync(
                ChannelName.Group(G), Some.Message with { GroupId = G, Msg = $"<{i}>" }, Cancelled);
            if (i % 7 == 0)
                time.Advance(Window / 2);
        }
        await IdleAsync();
        time.Advance(Window);
        await Eventually.HoldsAsync(() => a.Frames.Count == 200, "everything is there");
        Assert.Equal(
            Enumerable.Range(0, 200).Select(i => $"<{i}>"),
            a.Frames.Select(frame => System.Text.RegularExpressions.Regex.Match(
                System.Text.Encoding.UTF8.GetString(frame.Bytes.Span), "<[0-9]+>").Value));
    }

    [Fact]
    public async Task Deliver_WritesWithoutWaiting_GivenAsManyFramesAsOneWriteIsGoodFor()
    {
        await AttachAsync(a);
        await HeatAsync(ChannelName.Group(G));
        for (int i = 0; i < 64; i++)
        {
            await SendAsync(ChannelName.Group(G));
            await IdleAsync();
        }
        Assert.Equal(Warm + 64, a.Frames.Count);
        Assert.Equal(Warm + 1, a.Flushes);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Deliver_KeepsAnAnswerBehindItsMessage_GivenAHotChannel(bool broadcast)
    {
        var channel = broadcast ? ChannelName.Broadcast : ChannelName.Group(G);
        await AttachAsync(a);
        await HeatAsync(channel);
        await SendAsync(channel);
        await loop.SendAsync(a, Frame.KeepAlive);
        await IdleAsync();
        Assert.Equal(Warm, a.Frames.Count);
        time.Advance(Window);
        await Eventually.HoldsAsync(() => a is { Frames.Count: Warm + 2, IsFlushed: true }, "what was held is written");
        Assert.Same(Frame.KeepAlive, a.Frames.Last());
    }

    [Fact]
    public async Task Deliver_NeverHolds_GivenAClientsOwnChannel()
    {
        await AttachAsync(a);
        for (int i = 1; i <= 20; i++)
        {
            await hub.ReceiveAsync(
                ChannelName.Client(A),
                Some.Message with { Target = Target.Direct, ToId = A, GroupId = G },
                Cancelled);
            await IdleAsync();
            Assert.Equal(i, a.Frames.Count);
        }
    }

    [Fact]
    public async Task Deliver_NeverHolds_GivenAWindowOfZero()
    {
        var (off, itsLoop) = Create(TimeSpan.Zero);
        var connection = new FakeConnection(A, G, itsLoop);
        Assert.True(await off.AttachAsync(connection, Cancelled));
        for (int i = 1; i <= 20; i++)
        {
            await off.ReceiveAsync(ChannelName.Group(G), Some.Message with { GroupId = G }, Cancelled);
            await IdleAsync(itsLoop);
            Assert.Equal(i, connection.Frames.Count);
        }
    }

    [Fact]
    public async Task Deliver_WritesWhatIsHeldFirst_GivenACloseFrame()
    {
        await AttachAsync(a);
        await HeatAsync(ChannelName.Group(G));
        await SendAsync(ChannelName.Group(G));
        await loop.SendAsync(a, Frame.OfClose(CloseReason.Flooding));
        await IdleAsync();
        Assert.Equal(Warm + 2, a.Frames.Count);
        Assert.True(a.Frames.Last().IsClose);
    }

    [Fact]
    public async Task AttachAsync_GivesNothingFromBefore_GivenAGroupWithFramesHeld()
    {
        await AttachAsync(a);
        await HeatAsync(ChannelName.Group(G));
        await SendAsync(ChannelName.Group(G));
        await IdleAsync();
        Assert.Equal(Warm, a.Frames.Count);
        var b = new FakeConnection(B, G, loop);
        await AttachAsync(b);
        time.Advance(Window);
        await IdleAsync();
        Assert.Equal(Warm + 1, a.Frames.Count);
        Assert.Empty(b.Frames);
    }

    [Fact]
    public async Task Deliver_WritesAtOnce_GivenAHotGroupOfFew()
    {
        var (small, own) = Create(Window, from: 3);
        var members = Enumerable.Range(0, 3).Select(_ => new FakeConnection(A, G, own)).ToList();
        foreach (var member in members[..2])
            await small.AttachAsync(member, Cancelled);
        for (int i = 1; i <= 3 * Warm; i++)
        {
            await small.ReceiveAsync(ChannelName.Group(G), Some.Message with { GroupId = G }, Cancelled);
            await IdleAsync(own);
            Assert.All(members[..2], member => Assert.Equal((i, i), (member.Frames.Count, member.Flushes)));
        }
        // One more, and there is something to save.
        await small.AttachAsync(members[2], Cancelled);
        for (int i = 0; i < 3 * Warm; i++)
        {
            await small.ReceiveAsync(ChannelName.Group(G), Some.Message with { GroupId = G }, Cancelled);
            await IdleAsync(own);
        }
        Assert.InRange(members[2].Frames.Count, 0, Warm);
    }

    private (Hub Hub, DeliveryLoop Loop) Create(TimeSpan window, int from = 1)
    {
        var loops = new DeliveryLoops(1, coalesce: window, coalesceFrom: from, time: time);
        return (new Hub(new SubscriptionBus(), loops, new ServerMessages(time)), loops.Next());
    }

    private async Task AttachAsync(FakeConnection connection)
    {
        Assert.True(await hub.AttachAsync(connection, Cancelled));
        await IdleAsync();
    }

    /// <summary>Sends as many frames as make a channel hot, less the one that is then the first to be held.</summary>
    private async Task HeatAsync(ChannelName channel)
    {
        for (int i = 0; i < Warm; i++)
        {
            await SendAsync(channel);
            await IdleAsync();
        }
        Assert.Equal(Warm, a.Frames.Count);
    }

    private ValueTask SendAsync(ChannelName channel) =>
        hub.ReceiveAsync(channel, Some.Message with { GroupId = G }, Cancelled);

    /// <summary>Completes when the loop has been through all that it was given, and has flushed.</summary>
    private Task IdleAsync() => IdleAsync(loop);

    private static async Task IdleAsync(DeliveryLoop loop)
    {
        await Eventually.HoldsAsync(() => loop.Waiting == 0, "the loop has taken everything");
        // It runs between two batches, and so after the one that took the last frame.
        var between = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        loop.Run(between.SetResult);
        await between.Task;
    }
}
