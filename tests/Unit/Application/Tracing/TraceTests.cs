using System.Text;
using System.Text.Json;
using Aether.Application.Delivery;
using Aether.Application.Ports;
using Aether.Application.Tracing;
using Aether.Application.Wire;
using Aether.Domain;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>What is told of a traced client, how much of it, and when that ends.</summary>
public sealed class TraceTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly VisionId Trace = VisionId.Parse("trace-1");

    private readonly FakeTimeProvider time = new();
    private readonly List<Message> published = [];
    private readonly ServerMessages messages;
    private readonly FakeBus bus;

    public TraceTests()
    {
        messages = new ServerMessages(time);
        bus = new FakeBus((message, _) =>
        {
            lock (published)
                published.Add(message);
            return new(PublishResult.To(1));
        });
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Feed_LeavesOutWhatIsTooMuch_AndSaysHowMuch_AndKeepsWhatIsForTheClientAlone()
    {
        using var feed = new TraceFeed(Order(), bus, messages, time);
        var toAll = TraceEvent.Received(Frame.Of(Some.Message).Content, forEverybody: true);
        for (int i = 0; i < 300; i++)
            feed.Tell("a-1", toAll);
        feed.Tell("a-1", TraceEvent.Sent("{}"u8.ToArray()));
        var running = feed.RunAsync();
        await PublishedAsync(202);
        // Another second, another budget.
        time.Advance(TimeSpan.FromSeconds(1));
        feed.Tell("a-1", toAll);
        await PublishedAsync(203);

        var events = Published().Select(told => told.GetProperty("event").GetString()!).CountBy(name => name);
        Assert.Equal([("received", 201), ("sent", 1), ("skipped", 1)], events.Select(one => (one.Key, one.Value)).Order());
        Assert.Equal(100, Published().Single(told => told.TryGetProperty("count", out _)).GetProperty("count").GetInt32());
        feed.Renew(TimeSpan.Zero);
        await running.WaitAsync(Patience, Cancellation);
    }

    [Fact]
    public async Task Feed_Ends_WhenNobodyAsksForItAnyLonger_AndConnectionsForgetIt()
    {
        using var feed = new TraceFeed(Order(), bus, messages, time);
        var connection = new RecordingConnection();
        Assert.True(connection.Trace(feed));
        Assert.False(connection.Trace(feed));
        var running = feed.RunAsync();
        connection.Tell(TraceEvent.Connected);
        await PublishedAsync(1);

        time.Advance(TimeSpan.FromSeconds(6));
        feed.Renew(TimeSpan.FromSeconds(10));
        time.Advance(TimeSpan.FromSeconds(6));
        Assert.False(feed.IsOver);
        time.Advance(TimeSpan.FromSeconds(6));
        await running.WaitAsync(Patience, Cancellation);

        Assert.True(connection.IsLookedAt);
        connection.Tell(TraceEvent.Connected);
        Assert.False(connection.IsLookedAt);
        Assert.Single(published);
    }

    [Fact]
    public async Task LongFrame_IsCutBehindAWholeCharacter()
    {
        using var feed = new TraceFeed(Order(), bus, messages, time);
        string text = "x" + new string('ü', 10_000);
        feed.Tell("a-1", TraceEvent.Sent(Encoding.UTF8.GetBytes(text)));
        _ = feed.RunAsync();
        await PublishedAsync(1);

        var told = Published().Single();
        Assert.Equal(text[..8_192], told.GetProperty("frame").GetString());
        Assert.Equal(20_001, told.GetProperty("frame_bytes").GetInt32());
        feed.Renew(TimeSpan.Zero);
    }

    [Theory]
    [InlineData("time", 600, true)]
    [InlineData("no longer allowed", 1, false)]
    public async Task ClientTrace_Ends_AndSaysWhy(string why, int afterSeconds, bool allowed)
    {
        await using var trace = await new ClientTraces(bus, messages, time).BeginAsync(
            Some.Group, Some.Client, () => new(allowed), CancellationToken.None);
        var reading = ReadAllAsync(trace!);
        await PublishedAsync(1);
        time.Advance(TimeSpan.FromSeconds(afterSeconds));

        var told = await reading.WaitAsync(Patience, Cancellation);

        Assert.Equal("tracing", told[0].GetProperty("event").GetString());
        Assert.Equal(("end", why), (told[^1].GetProperty("event").GetString(), told[^1].GetProperty("reason").GetString()));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ClientTrace_EndsAndLeavesNothingBehind_GivenThatNobodyKnowsWhetherItIsAllowed(bool isCanceled)
    {
        var trace = await new ClientTraces(bus, messages, time).BeginAsync(
            Some.Group,
            Some.Client,
            () => throw (isCanceled ? new OperationCanceledException() : new InvalidOperationException()),
            CancellationToken.None);
        var reading = ReadAllAsync(trace!);
        await PublishedAsync(1);
        time.Advance(TimeSpan.FromSeconds(1));

        var told = await reading.WaitAsync(Patience, Cancellation);
        await trace!.DisposeAsync();

        Assert.Equal("no longer allowed", told[^1].GetProperty("reason").GetString());
        Assert.Equal(TimeSpan.Zero, TraceOrder.Of(published[^1])!.Lease);
    }

    [Fact]
    public async Task ClientTrace_AsksAgain_AndTakesItBackWhenNobodyLooksAnyLonger()
    {
        var trace = await new ClientTraces(bus, messages, time).BeginAsync(
            Some.Group, Some.Client, () => new(true), CancellationToken.None);
        await PublishedAsync(1);
        time.Advance(TimeSpan.FromSeconds(1));
        await PublishedAsync(2);
        await trace!.DisposeAsync();

        var orders = published.ConvertAll(order => TraceOrder.Of(order)!);
        Assert.Equal([10, 10, 0], orders.Select(order => order.Lease.TotalSeconds));
        Assert.Single(orders.Select(order => order.TraceId).Distinct());
        Assert.All(orders, order => Assert.Equal((Some.Group, Some.Client), (order.GroupId, order.ClientId)));
        Assert.All(published, order => Assert.True(TraceOrder.Is(ChannelName.Client(Some.Client), order)));
    }

    [Theory]
    [InlineData("""{}""")]
    [InlineData("""{"trace_id":"t"}""")]
    [InlineData("""{"trace_id":"t","for_ms":"10"}""")]
    [InlineData("""{"trace_id":"t","for_ms":1e30}""")]
    [InlineData("""{"trace_id":7,"for_ms":10}""")]
    [InlineData("""{"trace_id":"a.b","for_ms":10}""")]
    public void Order_IsNone_GivenAForgedPayload(string payload)
    {
        var order = messages.Trace(Trace, Some.Group, Some.Client, TimeSpan.FromSeconds(1));
        Assert.NotNull(TraceOrder.Of(order));
        Assert.Null(TraceOrder.Of(order with { Payload = Encoding.UTF8.GetBytes(payload) }));
        Assert.Null(TraceOrder.Of(order with { GroupId = default }));
    }

    private static TraceOrder Order() => new(Trace, Some.Group, Some.Client, TimeSpan.FromSeconds(10));

    private static async Task<List<JsonElement>> ReadAllAsync(ClientTrace trace)
    {
        var told = new List<JsonElement>();
        await foreach (var one in trace.ReadAsync(Cancellation))
            told.Add(Read(one));
        return told;
    }

    private static JsonElement Read(ReadOnlyMemory<byte> json)
    {
        using var document = JsonDocument.Parse(json);
        return document.RootElement.Clone();
    }

    private List<JsonElement> Published()
    {
        lock (published)
            return published.ConvertAll(message => Read(message.Payload));
    }

    private Task PublishedAsync(int count) =>
        Eventually.HoldsAsync(() => Published().Count >= count, $"{count} messages are published");

    private sealed class RecordingConnection() : Connection(
        Some.Client, Some.Group, echo: true, full: false, new DeliveryLoops(1).Next())
    {
        public override string Id => "a-1";

        public bool IsLookedAt => IsTraced;

        public override void Close(CloseReason why)
        {
        }

        protected internal override void Write(Frame frame)
        {
        }

        protected internal override void Flush()
        {
        }
    }
}
