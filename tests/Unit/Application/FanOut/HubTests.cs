using Aether.Application.Delivery;
using Aether.Application.FanOut;
using Aether.Application.Wire;
using Aether.Domain;
using CsCheck;
using Xunit;

namespace Aether.Tests.Unit;

public sealed class HubTests
{
    private static readonly VisionId A = VisionId.Parse("a");
    private static readonly VisionId B = VisionId.Parse("b");
    private static readonly VisionId G = VisionId.Parse("g");
    private static readonly VisionId H = VisionId.Parse("h");

    private readonly SubscriptionBus bus = new();
    private readonly DeliveryLoops loops = new(2);
    private readonly Hub hub;

    public HubTests() => hub = new Hub(bus, loops, new ServerMessages(TimeProvider.System));

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task AttachAsync_SubscribesOncePerChannel_AndTheLastToLeaveUnsubscribes()
    {
        var first = new FakeConnection(A, G, loops.Next());
        var second = new FakeConnection(A, G, loops.Next());
        Assert.True(await hub.AttachAsync(first, Cancelled));
        Assert.True(await hub.AttachAsync(second, Cancelled));
        Assert.Equal(
            new[] { ChannelName.Client(A), ChannelName.Group(G), ChannelName.Broadcast }.ToHashSet(),
                bus.Balance.Keys.ToHashSet());
        Assert.All(bus.Balance.Values, count => Assert.Equal(1, count));
        hub.Detach(first);
        Assert.All(bus.Balance.Values, count => Assert.Equal(1, count));
        hub.Detach(second);
        Assert.All(bus.Balance.Values, count => Assert.Equal(0, count));
        Assert.Equal(0, hub.Channels);
        Assert.Empty(bus.Faults);
    }

    [Fact]
    public async Task AttachAsync_WaitsForTheSubscriptionOfAnother()
    {
        var live = new TaskCompletionSource<bool>();
        bus.OnSubscribe = channel => channel == ChannelName.Group(G) ? live.Task : Task.FromResult(true);
        var first = hub.AttachAsync(new FakeConnection(A, G, loops.Next()), Cancelled);
        var second = hub.AttachAsync(new FakeConnection(B, G, loops.Next()), Cancelled);
        Assert.False(first.IsCompleted);
        Assert.False(second.IsCompleted);
        live.SetResult(true);
        Assert.True(await first);
        Assert.True(await second);
    }

    [Fact]
    public async Task AttachAsync_LeavesNothingBehind_GivenOneSubscriptionFails()
    {
        bus.OnSubscribe = channel => Task.FromResult(channel != ChannelName.Group(G));
        Assert.False(await hub.AttachAsync(new FakeConnection(A, G, loops.Next()), Cancelled));
        await Eventually.HoldsAsync(() => hub.Channels == 0, "every channel is retired");
        Assert.All(bus.Balance.Values, count => Assert.Equal(0, count));
        bus.OnSubscribe = _ => Task.FromResult(true);
        Assert.True(await hub.AttachAsync(new FakeConnection(A, G, loops.Next()), Cancelled));
        Assert.Empty(bus.Faults);
    }

    [Fact]
    public async Task AttachAsync_LeavesNothingBehind_GivenTheClientWentMeanwhile()
    {
        using var gone = new CancellationTokenSource();
        await gone.CancelAsync();
        Assert.False(await hub.AttachAsync(new FakeConnection(A, G, loops.Next()), gone.Token));
        Assert.Equal(0, hub.Channels);
    }

    [Fact]
    public async Task AttachAndDetach_EndBalanced_GivenAThousandRacing()
    {
        var seeds = new ThreadLocal<Random>(() => new Random(Environment.CurrentManagedThreadId));
        bus.OnSubscribe = async _ =>
        {
            await Task.Yield();
            return seeds.Value!.Next(10) != 0;
        };
        bus.OnUnsubscribe = async _ => await Task.Yield();
        var groups = new[] { G, H };
        var staying = new System.Collections.Concurrent.ConcurrentBag<FakeConnection>();
        await Parallel.ForEachAsync(Enumerable.Range(0, 1_000), new ParallelOptions { MaxDegreeOfParallelism = 8 },
            async (i, _) =>
        {
            var connection = new FakeConnection(i % 3 == 0 ? A : B, groups[i % 2], loops.Next());
            if (!await hub.AttachAsync(connection, Cancelled))
                return;
            if (i % 99 == 0)
                staying.Add(connection);
            else
                hub.Detach(connection);
        });
        // Whoever stayed was told that its channels are live, and nobody else's leaving has ended them.
        Assert.All(staying, connection => Assert.Equal(1, bus.Balance[ChannelName.Group(connection.GroupId)]));
        Assert.Equal(1, bus.Balance[ChannelName.Broadcast]);
        // Those who stayed hear what comes, exactly once.
        foreach (var group in groups)
            await hub.ReceiveAsync(ChannelName.Group(group), Some.Message with { GroupId = group }, Cancelled);
        await Eventually.HoldsAsync(() => staying.All(connection => connection.Frames.Count == 1),
            "all that stayed hear it");
        foreach (var connection in staying)
            hub.Detach(connection);
        await Eventually.HoldsAsync(() => hub.Channels == 0, "every channel is retired");
        await Eventually.HoldsAsync(() => bus.Balance.Values.All(count => count == 0), "nothing is subscribed");
        Assert.Empty(bus.Faults);
    }

    [Fact]
    public async Task ReceiveAsync_GivesAllReceiversOneOrder_GivenSeveralPublishersAndLoops()
    {
        const int Publishers = 4;
        const int Each = 500;
        var many = new DeliveryLoops(3, capacity: 16);
        var crowded = new Hub(bus, many, new ServerMessages(TimeProvider.System));
        var receivers = Enumerable.Range(0, 9).Select(_ => new FakeConnection(B, G, many.Next())).ToList();
        foreach (var receiver in receivers)
            Assert.True(await crowded.AttachAsync(receiver, Cancelled));
        await Task.WhenAll(Enumerable.Range(0, Publishers).Select(publisher => Task.Run(async () =>
        {
            for (int i = 0; i < Each; i++)
            {
                var message = Some.Message with { GroupId = G, Msg = $"{publisher}:{i}" };
                await crowded.ReceiveAsync(ChannelName.Group(G), message, Cancelled);
            }
        })));
        await Eventually.HoldsAsync(() => receivers.All(r => r.Frames.Count == Publishers * Each),
            "everything is there");
        foreach (var receiver in receivers)
        {
            // The frames are shared: the same order means the very same objects.
            Assert.Equal(receivers[0].Frames, receiver.Frames);
            Assert.False(receiver.Overlapped);
        }
        var texts = receivers[0].Frames.Select(frame => Read(frame).Msg!.Split(':')).ToList();
        foreach (var own in texts.GroupBy(text => text[0]))
            Assert.Equal(Enumerable.Range(0, Each).Select(i => $"{i}"), own.Select(text => text[1]));
    }

    [Fact]
    public async Task TryReceive_SaysNo_GivenALoopIsFull_AndNothingIsReordered()
    {
        var small = new DeliveryLoops(1, capacity: 4);
        var full = new Hub(bus, small, new ServerMessages(TimeProvider.System));
        var receiver = new FakeConnection(B, G, small.Next());
        Assert.True(await full.AttachAsync(receiver, Cancelled));
        receiver.Gate.Reset();
        var taken = new List<string?> { "first" };
        Assert.True(full.TryReceive(ChannelName.Group(G), Some.Message with { GroupId = G, Msg = "first" }));
        // Or the loop, which may start late, would make room again behind the last refusal.
        await Eventually.HoldsAsync(() => receiver.IsInside, "the loop is stuck with the first one");
        bool refused = false;
        for (int i = 0; i < 200; i++)
        {
            var message = Some.Message with { GroupId = G, Msg = $"{i}" };
            if (full.TryReceive(ChannelName.Group(G), message))
                taken.Add(message.Msg);
            else
                refused = true;
        }
        Assert.True(refused);
        var waiting = full.ReceiveAsync(ChannelName.Group(G), Some.Message with { GroupId = G, Msg = "waited" },
            Cancelled);
        Assert.False(waiting.IsCompleted);
        var behind = full.ReceiveAsync(ChannelName.Group(G), Some.Message with { GroupId = G, Msg = "behind" },
            Cancelled);
        receiver.Gate.Set();
        await waiting;
        await behind;
        await Eventually.HoldsAsync(() => receiver.Frames.Count == taken.Count + 2, "everything is there");
        Assert.Equal([.. taken, "waited", "behind"], receiver.Frames.Select(frame => Read(frame).Msg));
    }

    [Fact]
    public void TryReceive_SaysYes_GivenNobodyHears() =>
        Assert.True(hub.TryReceive(ChannelName.Group(G), Some.Message));

    [Fact]
    public async Task Group_SparesTheSender_GivenEchoOff()
    {
        var (quiet, loud, other) = (Connection(A, echo: false), Connection(A), Connection(B, echo: false));
        await AttachAsync(quiet, loud, other);
        await hub.ReceiveAsync(ChannelName.Group(G), Some.Message with { FromId = A, GroupId = G }, Cancelled);
        await hub.ReceiveAsync(
            ChannelName.Broadcast, Some.Message with { FromId = A, Target = Target.Broadcast, GroupId = H }, Cancelled);
        await AssertFramesAsync((quiet, 0), (loud, 2), (other, 2));
    }

    [Fact]
    public async Task Role_ReachesTheConnectionsThatHaveIt_AndTheSenderAsInTheGroup()
    {
        FakeConnection Of(VisionId client, Role role, bool echo = true, bool full = false) =>
            new(client, G, loops.Next(), echo, full, role);
        var (worker, full) = (Of(B, Role.Worker), Of(B, Role.Worker, full: true));
        var (loud, quiet) = (Of(A, Role.Worker), Of(A, Role.Worker, echo: false));
        var (controller, observer, none) = (Of(B, Role.Controller), Of(B, Role.Observer), Of(B, Role.None));
        await AttachAsync(worker, full, loud, quiet, controller, observer, none);
        var message = Some.Message with { Target = Target.Role, ToRole = Role.Worker, FromId = A, GroupId = G };

        await hub.ReceiveAsync(ChannelName.Group(G), message, Cancelled);
        await AssertFramesAsync(
            (worker, 1), (full, 1), (loud, 1), (quiet, 0), (controller, 0), (observer, 0), (none, 0));
        // The role that another target names is the sender's affair.
        await hub.ReceiveAsync(ChannelName.Group(G), message with { Target = Target.Group }, Cancelled);
        await AssertFramesAsync(
            (worker, 2), (full, 2), (loud, 2), (quiet, 0), (controller, 1), (observer, 1), (none, 1));
    }

    [Fact]
    public async Task Direct_ReachesItsGroupOnly_AndAlsoTheSenderWithEchoOff()
    {
        var (here, there) = (Connection(A, echo: false), new FakeConnection(A, H, loops.Next()));
        await AttachAsync(here, there);
        var message = Some.Message with { Target = Target.Direct, FromId = A, ToId = A, GroupId = G };
        await hub.ReceiveAsync(ChannelName.Client(A), message, Cancelled);
        await AssertFramesAsync((here, 1), (there, 0));
        // From outside, without a group: to all of the client's connections.
        await hub.ReceiveAsync(ChannelName.Client(A), message with { FromId = B, GroupId = default }, Cancelled);
        await AssertFramesAsync((here, 2), (there, 1));
    }

    [Fact]
    public async Task PresenceAndGap_ReachTheFullProfileOnly()
    {
        var (full, plain) = (Connection(A, full: true), Connection(B));
        await AttachAsync(full, plain);
        await hub.ReceiveAsync(
            ChannelName.Group(G), Some.Message with { Type = MessageType.Presence, FromId = B, GroupId = G },
                Cancelled);
        await AssertFramesAsync((full, 1), (plain, 0));
        await hub.RepairAsync(new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc), othersMayBeMissing: true, Cancelled);
        await AssertFramesAsync((full, 2), (plain, 0));
        var gap = Read(full.Frames.Last());
        Assert.Equal(("gap", A), (gap.Cmd, gap.ToId));
    }

    [Theory]
    [InlineData(true, MessageType.Msg, 1)]
    [InlineData(false, MessageType.Msg, 0)]
    [InlineData(false, MessageType.Cmd, 1)]
    public async Task UnkeptMissed_IsRaised_GivenThatExecutionsMayBeMissing(bool others, MessageType dropped, int expected)
    {
        var small = new DeliveryLoops(1, capacity: 1);
        var full = new Hub(bus, small, new ServerMessages(TimeProvider.System));
        var stuck = new FakeConnection(A, G, small.Next());
        await full.AttachAsync(stuck, Cancelled);
        stuck.Gate.Reset();
        while (full.TryReceive(ChannelName.Group(G), Some.Message with { Type = dropped, Cmd = "go", GroupId = G }))
            await Task.Yield();
        stuck.Gate.Set();
        int raised = 0;
        full.UnkeptMissed += () => raised++;
        await full.RepairAsync(DateTime.UnixEpoch, others, Cancelled);
        Assert.Equal(expected, raised);
    }

    [Fact]
    public async Task Detach_EndsDelivery_GivenAnyOrderOfLeaving() =>
        await Gen.Shuffle(Enumerable.Range(0, 40).ToArray()).SampleAsync(async order =>
        {
            var own = new Hub(new SubscriptionBus(), loops, new ServerMessages(TimeProvider.System));
            var connections = order.Select(_ => Connection(B)).ToList();
            foreach (var connection in connections)
                await own.AttachAsync(connection, Cancelled);
            foreach (int leaving in order[..30])
                own.Detach(connections[leaving]);
            await own.ReceiveAsync(ChannelName.Group(G), Some.Message with { GroupId = G }, Cancelled);
            foreach (int staying in order[30..])
                await Eventually.HoldsAsync(() => connections[staying].Frames.Count == 1, "who stays gets it once");
            Assert.All(order[..30], left => Assert.Empty(connections[left].Frames));
        }, iter: 20, threads: 1);

    private static Message Read(Frame frame)
    {
        int header = (frame.Bytes.Span[1] & 0x7f) switch { 126 => 4, 127 => 10, _ => 2 };
        Assert.True(MessageReader.TryRead(frame.Bytes[header..], default, default, out var message, out var error),
            error.ToString());
        return message!;
    }

    private FakeConnection Connection(VisionId client, bool echo = true, bool full = false) =>
        new(client, G, loops.Next(), echo, full);

    private async Task AttachAsync(params FakeConnection[] connections)
    {
        foreach (var connection in connections)
            Assert.True(await hub.AttachAsync(connection, Cancelled));
    }

    // A frame of its own for every loop is behind whatever was sent before.
    private async Task AssertFramesAsync(params (FakeConnection Connection, int Frames)[] expected)
    {
        foreach (var loop in loops.All)
        {
            var mark = new FakeConnection(B, G, loop);
            await loop.SendAsync(mark, Frame.KeepAlive);
            await Eventually.HoldsAsync(() => mark.Frames.Count == 1 && mark.IsFlushed, "the loop is through");
        }
        foreach (var (connection, frames) in expected)
            Assert.Equal(frames, connection.Frames.Count);
    }
}
