using System.Globalization;
using Aether.Application.Ports;
using Aether.Domain;
using Aether.Tests.Integration.Fixtures;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>What every message bus does, whatever carries it.</summary>
public abstract class MessageBusContract : IAsyncLifetime
{
    private static readonly ChannelName Group = ChannelName.Group(Messages.Id("g"));

    private protected IMessageBus Bus { get; private set; } = null!;

    protected static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => Bus = await StartAsync();

    public abstract ValueTask DisposeAsync();

    [Fact]
    public async Task Publish_IsReceivedUnchanged_GivenEachKindOfChannel()
    {
        var sink = new RecordingSink();
        var group = Messages.ToGroup("g", "Grüße \"\\\n😀", """{"a": [1e400, 9007199254740993], "b":"\u00e9"}""") with
        {
            Type = MessageType.Cmd,
            Cmd = "go",
            Id = "id 1",
            ReplyTo = "id 0",
            ToId = Messages.Id("somebody"),
        };
        (ChannelName Channel, Message Message)[] sent =
        [
            (Group, group),
            (ChannelName.Client(Messages.Id("c")), Messages.ToClient("c", "g", "hello")),
            (ChannelName.Broadcast, Messages.ToAll("all") with { FromId = VisionId.Server }),
        ];
        foreach (var (channel, _) in sent)
            Assert.True(await Bus.SubscribeAsync(channel, sink, Token));

        foreach (var (channel, message) in sent)
        {
            Assert.Equal(PublishResult.To(1), await Bus.PublishAsync(channel, message, Token));
            await Eventually.HoldsAsync(() => sink.Received.Any(one => one.Channel == channel));
        }

        Assert.Equal(
            sent.Select(one => (one.Channel, RecordingSink.Wire(one.Message))),
            sink.Received.Select(one => (one.Channel, RecordingSink.Wire(one.Message))));
    }

    [Fact]
    public async Task Publish_KeepsOrder_GivenNobodyWaitsInBetween()
    {
        const int count = 5_000;
        var sink = new RecordingSink();
        Assert.True(await Bus.SubscribeAsync(Group, sink, Token));

        var published = new Task<PublishResult>[count];
        for (int i = 0; i < count; i++)
            published[i] = Bus.PublishAsync(Group, Messages.ToGroup("g", $"{i}"), Token).AsTask();
        foreach (var one in published)
            Assert.Equal(PublishResult.To(1), await one);

        await Eventually.HoldsAsync(() => sink.Count == count, state: () => $"{sink.Count}");
        Assert.Equal(
            Enumerable.Range(0, count), sink.Texts.Select(text => int.Parse(text!, CultureInfo.InvariantCulture)));
    }

    [Fact]
    public async Task Publish_ReachesNobody_GivenNoSubscription() =>
        Assert.Equal(PublishResult.To(0), await Bus.PublishAsync(Group, Messages.ToGroup("g"), Token));

    [Fact]
    public async Task Publish_IsNotHeard_GivenAnotherChannel()
    {
        var (other, own) = (new RecordingSink(), new RecordingSink());
        (ChannelName Channel, Message Last)[] others =
        [
            (ChannelName.Group(Messages.Id("G")), Messages.ToGroup("G", "1")),
            (ChannelName.Client(Messages.Id("g")), Messages.ToClient("g", "G", "2")),
            (ChannelName.Broadcast, Messages.ToAll("3")),
        ];
        foreach (var (channel, _) in others)
            Assert.True(await Bus.SubscribeAsync(channel, other, Token));
        Assert.True(await Bus.SubscribeAsync(Group, own, Token));

        Assert.Equal(PublishResult.To(1), await Bus.PublishAsync(Group, Messages.ToGroup("g"), Token));
        await Eventually.HoldsAsync(() => own.Count == 1);
        // Published last on each of them and heard: what was wrongly sent there before would have come as well.
        foreach (var (channel, last) in others)
            await Bus.PublishAsync(channel, last, Token);
        await Eventually.HoldsAsync(() => other.Count >= others.Length);

        Assert.Equal(["1", "2", "3"], other.Texts.Order());
    }

    [Fact]
    public async Task Unsubscribe_EndsDelivery_GivenMessagesThatFollow()
    {
        var sink = new RecordingSink();
        Assert.True(await Bus.SubscribeAsync(Group, sink, Token));
        Assert.True(await Bus.SubscribeAsync(ChannelName.Broadcast, sink, Token));

        await Bus.UnsubscribeAsync(Group, Token);

        Assert.Equal(PublishResult.To(0), await Bus.PublishAsync(Group, Messages.ToGroup("g", "gone"), Token));
        await Bus.PublishAsync(ChannelName.Broadcast, Messages.ToAll("last"), Token);
        await Eventually.HoldsAsync(() => sink.Count > 0);
        Assert.Equal(["last"], sink.Texts);
    }

    [Fact]
    public async Task Subscribe_HearsAgain_GivenItWasEndedBefore()
    {
        var (first, second) = (new RecordingSink(), new RecordingSink());
        Assert.True(await Bus.SubscribeAsync(Group, first, Token));
        await Bus.UnsubscribeAsync(Group, Token);
        await Bus.UnsubscribeAsync(Group, Token);
        Assert.True(await Bus.SubscribeAsync(Group, second, Token));

        Assert.Equal(PublishResult.To(1), await Bus.PublishAsync(Group, Messages.ToGroup("g", "again"), Token));

        await Eventually.HoldsAsync(() => second.Count == 1);
        Assert.Empty(first.Received);
    }

    [Fact]
    public async Task Subscribe_IsLiveAtOnce_GivenManyChannelsAtTheSameTime()
    {
        var sink = new RecordingSink();
        var channels = Enumerable.Range(0, 500).Select(i => ChannelName.Client(Messages.Id($"c{i}"))).ToArray();

        var results = await Task.WhenAll(channels.Select(async channel =>
        {
            Assert.True(await Bus.SubscribeAsync(channel, sink, Token));
            return await Bus.PublishAsync(channel, Messages.ToClient(channel.Id.Value, "g"), Token);
        }));

        Assert.All(results, result => Assert.Equal(PublishResult.To(1), result));
        await Eventually.HoldsAsync(() => sink.Count == channels.Length);
        Assert.Equal(channels.Length, sink.Received.Select(one => one.Channel).Distinct().Count());
    }

    private protected abstract Task<IMessageBus> StartAsync();
}

/// <summary>The contract, in memory.</summary>
public sealed class InMemoryMessageBusTests : MessageBusContract
{
    private BusHost? host;

    public override ValueTask DisposeAsync() => host?.DisposeAsync() ?? default;

    [Fact]
    public async Task Publish_WaitsForRoom_GivenASinkThatIsFull()
    {
        var sink = new SlowSink();
        var channel = ChannelName.Broadcast;
        Assert.True(await Bus.SubscribeAsync(channel, sink, Token));

        var published = Bus.PublishAsync(channel, Messages.ToAll(), Token).AsTask();

        Assert.False(published.IsCompleted);
        sink.Room.SetResult();
        Assert.Equal(PublishResult.To(1), await published);
    }

    private protected override async Task<IMessageBus> StartAsync()
    {
        host = await BusHost.StartReadyAsync(null);
        return host.Bus;
    }

    private sealed class SlowSink : IMessageSink
    {
        public TaskCompletionSource Room { get; } = new();

        public bool TryReceive(ChannelName channel, Message message) => false;

        public async ValueTask ReceiveAsync(
            ChannelName channel, Message message, CancellationToken cancellationToken) =>
            await Room.Task;

        public Task RepairAsync(DateTime since, bool othersMayBeMissing, CancellationToken cancellationToken) =>
            Task.CompletedTask;
    }
}
