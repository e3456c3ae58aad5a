using Aether.Application;
using Aether.Application.Ports;
using Aether.Domain;
using Aether.Tests.Integration.Fixtures;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>What every history of messages does, whatever keeps them.</summary>
public abstract class MessageHistoryContract : IAsyncLifetime
{
    private static readonly ChannelName Group = ChannelName.Group(Messages.Id("g"));
    private static readonly ChannelName Client = ChannelName.Client(Messages.Id("c"));

    /// <summary>How many messages a channel keeps here, and for how long, in seconds.</summary>
    protected const int Most = 20;

    private protected IMessageBus Bus { get; private set; } = null!;

    private protected IMessageHistory History { get; private set; } = null!;

    protected static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => (Bus, History) = await StartAsync();

    public abstract ValueTask DisposeAsync();

    [Fact]
    public async Task Append_NumbersWithoutHoles_InTheOrderThatEverybodyHears()
    {
        var sink = new RecordingSink();
        Assert.True(await Bus.SubscribeAsync(Group, sink, Token));
        var appended = Enumerable.Range(0, 200)
            .Select(i => History.AppendAsync(Group, Messages.ToGroup("g", $"{i}"), Token).AsTask()).ToArray();
        var results = await Task.WhenAll(appended);

        Assert.All(results, result => Assert.Equal((KeepStatus.Published, 1), (result.Status, result.Instances)));
        Assert.Equal(Enumerable.Range(1, 200).Select(i => (long)i), results.Select(result => result.Position.Seq));
        await Eventually.HoldsAsync(() => sink.Count == 200);
        Assert.Equal(Enumerable.Range(0, 200).Select(i => $"{i}"), sink.Texts);
        Assert.Equal(results.Select(result => result.Position), sink.Received.Select(one => one.Message.Position));
    }

    [Fact]
    public async Task Append_KeepsOrderWithWhatIsNotKept()
    {
        var sink = new RecordingSink();
        Assert.True(await Bus.SubscribeAsync(Group, sink, Token));
        var sending = new List<Task>();
        for (int i = 0; i < 200; i++)
        {
            var message = Messages.ToGroup("g", $"{i}");
            sending.Add(i % 2 == 0
                ? History.AppendAsync(Group, message, Token).AsTask()
                : Bus.PublishAsync(Group, message, Token).AsTask());
        }
        await Task.WhenAll(sending);
        await Eventually.HoldsAsync(() => sink.Count == 200);
        Assert.Equal(Enumerable.Range(0, 200).Select(i => $"{i}"), sink.Texts);
    }

    [Fact]
    public async Task Append_PublishesOnce_GivenTheSameSenderAndIdOnTheChannel()
    {
        var sink = new RecordingSink();
        Assert.True(await Bus.SubscribeAsync(Group, sink, Token));
        var message = Messages.ToGroup("g", "once") with { Id = "m1" };
        var first = await History.AppendAsync(Group, message, Token);
        var again = await History.AppendAsync(Group, message with { Msg = "twice" }, Token);
        var other = await History.AppendAsync(Group, message with { FromId = Messages.Id("another"), Msg = "other" }, Token);
        var elsewhere = await History.AppendAsync(
            ChannelName.Broadcast, message with { Target = Target.Broadcast }, Token);

        Assert.Equal(new KeepResult(KeepStatus.Duplicate, 0, first.Position), again);
        Assert.Equal(2, other.Position.Seq);
        Assert.Equal((KeepStatus.Published, 1L), (elsewhere.Status, elsewhere.Position.Seq));
        await Eventually.HoldsAsync(() => sink.Count == 2);
        Assert.Equal(["once", "other"], sink.Texts);
        Assert.Equal(["once", "other"], (await ReadAsync(Group)).Messages.Select(one => one.Msg));
    }

    [Fact]
    public async Task Append_KeepsNothing_GivenADirectMessageThatNobodyHears()
    {
        var unheard = await History.AppendAsync(Client, Messages.ToClient("c", "g", "lost") with { Id = "m1" }, Token);
        Assert.Equal(KeepStatus.NobodyHears, unheard.Status);
        Assert.Equal(KeepStatus.NobodyHears, (await History.FindAsync(Client, Messages.Id("sender"), "m1", Token)).Status);
        Assert.Empty((await ReadAsync(Client)).Messages);

        Assert.True(await Bus.SubscribeAsync(Client, new RecordingSink(), Token));
        var heard = await History.AppendAsync(Client, Messages.ToClient("c", "g", "heard") with { Id = "m1" }, Token);
        Assert.Equal((KeepStatus.Published, 1L), (heard.Status, heard.Position.Seq));
        Assert.Equal(
            new KeepResult(KeepStatus.Duplicate, 0, heard.Position),
            await History.FindAsync(Client, Messages.Id("sender"), "m1", Token));
    }

    [Fact]
    public async Task Append_KeepsAMessageToManyThatNobodyHears()
    {
        var result = await History.AppendAsync(Group, Messages.ToGroup("g", "alone"), Token);
        Assert.Equal((KeepStatus.Published, 0), (result.Status, result.Instances));
        Assert.Equal(["alone"], (await ReadAsync(Group)).Messages.Select(one => one.Msg));
    }

    [Fact]
    public async Task GetPositions_GivesAnEpochThatStays_AlsoWhereNothingWasKept()
    {
        var first = await History.GetPositionsAsync([Group, Client, ChannelName.Broadcast], Token);
        Assert.NotNull(first);
        Assert.All(first, position => Assert.Equal((false, 0L), (position.IsEmpty, position.Seq)));
        var second = await History.GetPositionsAsync([Group, Client, ChannelName.Broadcast], Token);
        Assert.Equal(first, second);

        var kept = await History.AppendAsync(Group, Messages.ToGroup("g"), Token);
        Assert.Equal(first[0].At(1), kept.Position);
        Assert.Equal([kept.Position, first[1]], await History.GetPositionsAsync([Group, Client], Token));
    }

    [Fact]
    public async Task Read_GivesExactlyWhatFollows_GivenAnyPositionOfTheStream()
    {
        var start = (await History.GetPositionsAsync([Group], Token))![0];
        await AppendAsync(10);
        for (int after = 0; after <= 10; after++)
        {
            var page = await History.ReadAsync(Group, new HistoryRange(start.At(after), 100), Token);
            Assert.Equal(HistoryStatus.Found, page.Status);
            Assert.Equal(Enumerable.Range(after, 10 - after).Select(i => $"{i}"), page.Messages.Select(one => one.Msg));
            Assert.Equal((start.At(after), start.At(10), true), (page.From, page.End, page.IsComplete));
        }
    }

    [Fact]
    public async Task Read_GoesOnWhereAPageEnded_GivenMoreThanItsLimit()
    {
        await AppendAsync(10);
        var page = await ReadAsync(Group, limit: 4);
        var texts = new List<string?>();
        while (true)
        {
            Assert.InRange(page.Messages.Count, 0, 4);
            texts.AddRange(page.Messages.Select(one => one.Msg));
            if (page.IsComplete)
                break;
            page = await History.ReadAsync(Group, new HistoryRange(page.To, 4), Token);
        }
        Assert.Equal(Enumerable.Range(0, 10).Select(i => $"{i}"), texts);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(50)]
    public async Task Read_GivesTheLastOnes_GivenHowMany(int last)
    {
        await AppendAsync(10);
        var page = await History.ReadAsync(Group, new HistoryRange(default, last, last), Token);
        int count = Math.Min(10, last);
        Assert.Equal(Enumerable.Range(10 - count, count).Select(i => $"{i}"), page.Messages.Select(one => one.Msg));
        Assert.Equal((10 - count, 10L), (page.From.Seq, page.End.Seq));
    }

    [Fact]
    public async Task Read_GivesWhatWasSent_ByteForByte()
    {
        var sent = Messages.ToGroup("g", "Grüße \"\\\n😀", """{"a": [1e400, 9007199254740993], "b":"\u00e9"}""") with
        {
            Type = MessageType.Cmd,
            Cmd = "go",
            Id = "id 1",
            ReplyTo = "id 0",
        };
        var result = await History.AppendAsync(Group, sent, Token);
        var read = Assert.Single((await ReadAsync(Group)).Messages);
        Assert.Equal(RecordingSink.Wire(sent with { Position = result.Position }), RecordingSink.Wire(read));
    }

    [Fact]
    public async Task Read_IsLostAsTooMany_GivenMoreThanAChannelKeeps_AndNeverGivesAPart()
    {
        var start = (await History.GetPositionsAsync([Group], Token))![0];
        await AppendAsync(Most + 5);
        var lost = await History.ReadAsync(Group, new HistoryRange(start.At(4), 100), Token);
        Assert.Equal((HistoryStatus.TooMany, start.At(Most + 5)), (lost.Status, lost.End));
        Assert.Empty(lost.Messages);
        var whole = await History.ReadAsync(Group, new HistoryRange(start.At(5), 100), Token);
        Assert.Equal((HistoryStatus.Found, Most), (whole.Status, whole.Messages.Count));
    }

    [Fact]
    public async Task Read_IsLostAsEpoch_GivenAPositionOfAnotherStream()
    {
        await AppendAsync(3);
        var end = (await ReadAsync(Group)).End;
        foreach (var strange in (Position[])[new("other", 1), new("other", 3), end.At(4)])
        {
            var lost = await History.ReadAsync(Group, new HistoryRange(strange, 100), Token);
            Assert.Equal((HistoryStatus.Epoch, end), (lost.Status, lost.End));
            Assert.Empty(lost.Messages);
        }
    }

    [Fact]
    public async Task EndEpoch_BeginsAnotherOnce_GivenManyThatFoundTheSame()
    {
        var kept = await History.AppendAsync(Group, Messages.ToGroup("g", "old") with { Id = "m1" }, Token);
        await History.AppendAsync(
            ChannelName.Broadcast, Messages.ToGroup("g", "other") with { Target = Target.Broadcast }, Token);

        var ends = await Task.WhenAll(Enumerable.Range(0, 8).Select(
            _ => History.EndEpochAsync(Group, kept.Position.Epoch, Token).AsTask()));
        var next = await History.AppendAsync(Group, Messages.ToGroup("g", "new"), Token);
        var late = await History.EndEpochAsync(Group, kept.Position.Epoch, Token);

        Assert.Single(ends.Distinct());
        Assert.NotEqual(kept.Position.Epoch, ends[0]!.Value.Epoch);
        Assert.Equal(new Position(ends[0]!.Value.Epoch, 1), next.Position);
        Assert.Equal(next.Position, late);
        Assert.Equal(["new"], (await ReadAsync(Group)).Messages.Select(one => one.Msg));
        Assert.Equal(
            HistoryStatus.Epoch,
            (await History.ReadAsync(Group, new HistoryRange(kept.Position, 10), Token)).Status);
        Assert.Equal(["other"], (await ReadAsync(ChannelName.Broadcast)).Messages.Select(one => one.Msg));
    }

    [Fact]
    public async Task Streams_AreEachTheirOwn_GivenManyMessagesOnAnother()
    {
        var quiet = await History.AppendAsync(Group, Messages.ToGroup("g", "quiet"), Token);
        var busy = ChannelName.Group(Messages.Id("busy"));
        for (int i = 0; i < 3 * Most; i++)
            await History.AppendAsync(busy, Messages.ToGroup("busy"), Token);
        var page = await History.ReadAsync(Group, new HistoryRange(quiet.Position.At(0), 100), Token);
        Assert.Equal(["quiet"], page.Messages.Select(one => one.Msg));
    }

    [Fact]
    public async Task Append_PublishesOnce_GivenManyThatTryTheSameAtOnce()
    {
        var results = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => Task.Run(
            () => History.AppendAsync(Group, Messages.ToGroup("g") with { Id = "m1" }, Token).AsTask(), Token)));
        var first = Assert.Single(results, result => result.Status == KeepStatus.Published);
        Assert.All(results, result => Assert.Equal(first.Position, result.Position));
        Assert.Single((await ReadAsync(Group)).Messages);
    }

    private protected abstract Task<(IMessageBus Bus, IMessageHistory History)> StartAsync();

    /// <summary>The options that the contract is about.</summary>
    private protected static void Configure(RealtimeOptions options) => options.History.Messages = Most;

    private async Task AppendAsync(int count)
    {
        for (int i = 0; i < count; i++)
            await History.AppendAsync(Group, Messages.ToGroup("g", $"{i}"), Token);
    }

    private ValueTask<HistoryPage> ReadAsync(ChannelName channel, int limit = 100) =>
        History.ReadAsync(channel, new HistoryRange(default, limit), Token);
}
