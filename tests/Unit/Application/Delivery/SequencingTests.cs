using Aether.Application.FanOut;
using Aether.Domain;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>What an instance does with kept messages that come out of turn, twice, never or forged.</summary>
public sealed class SequencingTests : IDisposable
{
    private static readonly ChannelName Channel = ChannelName.Group(Some.Group);
    private static readonly DateTime Since = new(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc);
    private readonly FakeHistory history = new();
    private readonly KeepingHub keeping;

    public SequencingTests() => keeping = new KeepingHub(history);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private Hub Hub => keeping.Hub;

    public void Dispose() => keeping.Dispose();

    [Fact]
    public async Task InOrder_IsDelivered_WithoutAReadOfTheStream()
    {
        var connection = await AttachAsync();
        foreach (var message in Keep("1", "2", "3"))
            Assert.True(Hub.TryReceive(Channel, message));
        await AssertTextsAsync(connection, "1", "2", "3");
        Assert.Equal(0, history.Reads);
    }

    [Fact]
    public async Task Twice_IsDeliveredOnce()
    {
        var connection = await AttachAsync();
        var kept = Keep("1", "2");
        foreach (var message in (Message[])[kept[0], kept[0], kept[1], kept[0], kept[1]])
            Hub.TryReceive(Channel, message);
        await MarkAsync();
        await AssertTextsAsync(connection, "1", "2", "mark");
    }

    [Fact]
    public async Task Hole_IsReadAndDeliveredAheadOfWhatIsNewer_AndNobodyIsToldOfAGap()
    {
        var connection = await AttachAsync();
        var kept = Keep("1", "2", "3", "4");
        var reading = new TaskCompletionSource();
        history.OnRead = () => reading.Task;
        Hub.TryReceive(Channel, kept[0]);
        Hub.TryReceive(Channel, kept[3]);
        Hub.TryReceive(Channel, Some.Message with { Msg = "not kept" });
        reading.SetResult();
        await AssertTextsAsync(connection, "1", "2", "3", "4", "not kept");
        Assert.DoesNotContain(KeepingHub.Read(connection), message => message.Cmd == "gap");
    }

    [Fact]
    public async Task Hole_IsRepaired_GivenAStoreThatCannotBeReachedForAWhile()
    {
        var connection = await AttachAsync();
        var kept = Keep("1", "2", "3");
        history.IsUnavailable = true;
        Hub.TryReceive(Channel, kept[2]);
        await Eventually.HoldsAsync(() => history.Reads >= 2, "it tries again");
        history.IsUnavailable = false;
        await AssertTextsAsync(connection, "1", "2", "3");
    }

    [Fact]
    public async Task Forged_IsDropped_GivenAPositionThatTheStreamDoesNotHold()
    {
        var connection = await AttachAsync();
        var kept = Keep("1", "2");
        Hub.TryReceive(Channel, kept[0]);
        foreach (var forged in (Position[])[new("e1", 9), new("other", 1), new("other", 2)])
        {
            Hub.TryReceive(Channel, Some.Message with { Msg = "forged", Position = forged });
            await Eventually.HoldsAsync(() => Hub.PlaceOf(Channel)!.IsHolding == false, "it is looked at");
        }
        Hub.TryReceive(Channel, kept[1]);
        await MarkAsync();
        await AssertTextsAsync(connection, "1", "2", "mark");
    }

    [Fact]
    public async Task AnotherEpoch_IsDeliveredFromItsStart_AndTheKeptTypesAreToldAsAGap()
    {
        var connection = await AttachAsync();
        Hub.TryReceive(Channel, Keep("1")[0]);
        history.Lose("e2");
        Hub.TryReceive(Channel, Keep("new 1", "new 2")[1]);
        await AssertTextsAsync(connection, "1", "new 1", "new 2", null);
        AssertGap(KeepingHub.Read(connection)[^1], "\"types\":[\"cmd\"]");
    }

    [Fact]
    public async Task UnreadableHole_IsToldAsAGap_AndWhatComesBehindItIsDelivered()
    {
        var connection = await AttachAsync();
        var kept = Keep("1", "2", "3");
        Hub.TryReceive(Channel, kept[0]);
        history.Unreadable = 2;
        Hub.TryReceive(Channel, kept[2]);
        await AssertTextsAsync(connection, "1", null);
        AssertGap(KeepingHub.Read(connection)[^1], "\"types\":[\"cmd\"]");
        foreach (var message in Keep("4", "5"))
            Hub.TryReceive(Channel, message);
        await AssertTextsAsync(connection, "1", null, "4", "5");
    }

    [Fact]
    public async Task UnreadableHole_RepeatsNothing_GivenMoreThanAPageOfWhatWasDelivered()
    {
        var connection = await AttachAsync();
        string[] texts = [.. Enumerable.Range(1, 160).Select(number => $"{number}")];
        var kept = Keep(texts);
        foreach (var message in kept[..148])
            Hub.TryReceive(Channel, message);
        history.Unreadable = 150;
        Hub.TryReceive(Channel, kept[^1]);
        await AssertTextsAsync(connection, [.. texts[..148], null]);
        AssertGap(KeepingHub.Read(connection)[^1], "\"types\":[\"cmd\"]");
        Hub.TryReceive(Channel, Keep("161")[0]);
        await AssertTextsAsync(connection, [.. texts[..148], null, "161"]);
    }

    [Fact]
    public async Task TrimmedHole_IsToldAsAGap_AndTheRestIsDelivered()
    {
        var connection = await AttachAsync();
        var kept = Keep("1", "2", "3", "4");
        Hub.TryReceive(Channel, kept[0]);
        history.Trimmed = 2;
        Hub.TryReceive(Channel, kept[3]);
        await AssertTextsAsync(connection, "1", "3", "4", null);
        AssertGap(KeepingHub.Read(connection)[^1], "\"types\":[\"cmd\"]");
    }

    [Fact]
    public async Task Repair_ReadsWhatIsMissing_AndTellsNothing_GivenThatOthersAreNotMissing()
    {
        var connection = await AttachAsync();
        Keep("1", "2");
        await Hub.RepairAsync(Since, othersMayBeMissing: false, Cancelled);
        await MarkAsync();
        await AssertTextsAsync(connection, "1", "2", "mark");
    }

    [Fact]
    public async Task Repair_TellsWhatIsNotKept_GivenThatOthersMayBeMissing()
    {
        var connection = await AttachAsync();
        Keep("1");
        await Hub.RepairAsync(Since, othersMayBeMissing: true, Cancelled);
        await AssertTextsAsync(connection, "1", null);
        AssertGap(
            KeepingHub.Read(connection)[^1], "{\"since\":\"2026-01-02T03:04:05Z\",\"types\":[\"msg\",\"presence\"]}");
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Repair_BeginsAnotherEpoch_GivenAStoreThatLostItsNewestAndGaveTheirNumbersAgain(int sentSince)
    {
        var connection = await AttachAsync();
        foreach (var message in Keep("1", "2", "3", "4", "5"))
            Hub.TryReceive(Channel, message);
        history.GoBack(Channel, 2);
        Keep([.. Enumerable.Range(1, sentSince).Select(number => $"since {number}")]);

        await Hub.RepairAsync(Since, othersMayBeMissing: true, Cancelled);
        Hub.TryReceive(Channel, Keep("new")[0]);

        await AssertTextsAsync(connection, "1", "2", "3", "4", "5", null, "new");
        AssertGap(KeepingHub.Read(connection)[^2], "\"types\":[\"cmd\",\"msg\",\"presence\"]");
        Assert.Equal(new Position("e1x", 1), KeepingHub.Read(connection)[^1].Position);
    }

    // One that fits in, and one that is behind a hole.
    [Theory]
    [InlineData(4)]
    [InlineData(6)]
    public async Task Repair_BeginsAnotherEpoch_GivenOneThatWasHeardSinceTheDoubt(int sentSince)
    {
        var connection = await AttachAsync();
        foreach (var message in Keep("1", "2", "3", "4", "5"))
            Hub.TryReceive(Channel, message);
        Hub.Doubt();
        history.GoBack(Channel, 2);
        var since = Keep([.. Enumerable.Range(1, sentSince).Select(number => $"since {number}")]);
        Hub.TryReceive(Channel, since[^1]);
        await Eventually.HoldsAsync(() => !Hub.PlaceOf(Channel)!.IsHolding, "it is delivered");

        await Hub.RepairAsync(Since, othersMayBeMissing: true, Cancelled);

        Assert.Equal("e1x", history.Epoch);
        await Eventually.HoldsAsync(() => KeepingHub.Read(connection) is [.., { Cmd: "gap" }], "it is told");
        AssertGap(KeepingHub.Read(connection)[^1], "\"types\":[\"cmd\",\"msg\",\"presence\"]");
    }

    [Fact]
    public async Task Repair_BeginsAnotherEpoch_GivenARepairThatAHoleBegan()
    {
        var connection = await AttachAsync();
        foreach (var message in Keep("1", "2", "3", "4", "5"))
            Hub.TryReceive(Channel, message);
        Hub.Doubt();
        history.GoBack(Channel, 2);
        var reading = new TaskCompletionSource();
        history.OnRead = () => reading.Task;
        Hub.TryReceive(Channel, Keep("3 again", "4 again", "5 again", "6", "7")[^1]);
        var repairing = Hub.RepairAsync(Since, othersMayBeMissing: true, Cancelled);
        Assert.False(repairing.IsCompleted);
        reading.SetResult();

        await repairing;

        Assert.Equal("e1x", history.Epoch);
        await Eventually.HoldsAsync(() => KeepingHub.Read(connection) is [.., { Cmd: "gap" }], "it is told");
    }

    [Fact]
    public async Task Repair_ComparesTheLastMessageAgain_GivenADoubtThatWasLookedAt()
    {
        var connection = await AttachAsync();
        Hub.TryReceive(Channel, Keep("1")[0]);
        Hub.Doubt();
        Hub.TryReceive(Channel, Keep("2")[0]);
        await Hub.RepairAsync(Since, othersMayBeMissing: true, Cancelled);
        Assert.Equal("e1", history.Epoch);
        Hub.TryReceive(Channel, Keep("3")[0]);
        history.GoBack(Channel, 2);
        Keep("3 again");

        await Hub.RepairAsync(Since, othersMayBeMissing: true, Cancelled);

        // It is the last one that is compared again, and not the one before a doubt of long ago.
        Assert.Equal("e1x", history.Epoch);
        await AssertTextsAsync(connection, "1", "2", null, "3", null);
    }

    [Fact]
    public async Task Repair_LeavesTheEpoch_GivenThatTheLastMessageIsWhatItWas()
    {
        var connection = await AttachAsync();
        foreach (var message in Keep("1", "2"))
            Hub.TryReceive(Channel, message);
        Keep("3");

        await Hub.RepairAsync(Since, othersMayBeMissing: true, Cancelled);

        await AssertTextsAsync(connection, "1", "2", "3", null);
        Assert.Equal("e1", history.Epoch);
        Assert.Equal(1, history.Reads);
    }

    [Fact]
    public async Task Repair_GoesOn_GivenThatTheLastMessageIsNoLongerKept()
    {
        var connection = await AttachAsync();
        foreach (var message in Keep("1", "2"))
            Hub.TryReceive(Channel, message);
        Keep("3");
        history.Trimmed = 2;

        await Hub.RepairAsync(Since, othersMayBeMissing: true, Cancelled);

        await AssertTextsAsync(connection, "1", "2", "3", null);
        AssertGap(KeepingHub.Read(connection)[^1], "\"types\":[\"msg\",\"presence\"]");
    }

    [Fact]
    public async Task Repair_FindsAnEpochThatAnotherInstanceBegan_AndWhatWasKeptInItSince()
    {
        var connection = await AttachAsync();
        foreach (var message in Keep("1", "2"))
            Hub.TryReceive(Channel, message);
        history.GoBack(Channel, 1);
        // Between the look at the stream and the call of this instance.
        history.OnEndEpoch = () =>
        {
            history.Lose("e2");
            Keep("3", "4");
        };

        await Hub.RepairAsync(Since, othersMayBeMissing: true, Cancelled);

        await AssertTextsAsync(connection, "1", "2", "3", "4", null);
        Assert.Equal("e2", history.Epoch);
    }

    [Fact]
    public async Task Repair_LetsTheChannelGo_GivenAFault()
    {
        var connection = await AttachAsync();
        foreach (var message in Keep("1", "2"))
            Hub.TryReceive(Channel, message);
        history.GoBack(Channel, 1);
        history.OnEndEpoch = () => throw new InvalidOperationException("a bug");

        await Hub.RepairAsync(Since, othersMayBeMissing: false, Cancelled);

        Assert.False(Hub.PlaceOf(Channel)!.IsHolding);
        await AssertTextsAsync(connection, "1", "2", null);
        AssertGap(KeepingHub.Read(connection)[^1], "\"types\":[\"cmd\",\"msg\",\"presence\"]");
        history.OnEndEpoch = () => { };
        Hub.TryReceive(Channel, Keep("3", "4")[1]);
        await Eventually.HoldsAsync(() => KeepingHub.Read(connection).Count >= 4, "the next one is looked for");
    }

    [Fact]
    public async Task Repair_ReadsNothing_GivenThatNothingMoved()
    {
        await AttachAsync();
        await Hub.RepairAsync(Since, othersMayBeMissing: false, Cancelled);
        Assert.Equal(0, history.Reads);
    }

    [Fact]
    public async Task Repair_WaitsForTheStore_GivenThatItCannotBeReached()
    {
        var connection = await AttachAsync();
        Keep("1");
        history.IsUnavailable = true;
        var repairing = Hub.RepairAsync(Since, othersMayBeMissing: false, Cancelled);
        Assert.False(repairing.IsCompleted);
        history.IsUnavailable = false;
        await repairing;
        await AssertTextsAsync(connection, "1");
    }

    [Fact]
    public async Task FullLoop_LosesNoKeptMessage_AndTellsTheTypesOfOthers()
    {
        using var small = new KeepingHub(history, capacity: 4);
        var connection = await small.AttachAsync(Some.OtherClient, Some.Group);
        connection.Gate.Reset();
        var kept = Keep([.. Enumerable.Range(0, 100).Select(i => $"{i}")]);
        bool refused = false;
        foreach (var message in kept)
        {
            Assert.True(small.Hub.TryReceive(Channel, message));
            refused |= !small.Hub.TryReceive(ChannelName.Broadcast, Some.Message with { Target = Target.Broadcast });
        }
        Assert.True(refused);
        connection.Gate.Set();
        await Eventually.HoldsAsync(
            () => KeepingHub.Read(connection).Count(one => !one.Position.IsEmpty) == 100, "all that is kept comes");
        Assert.Equal(
            kept.Select(one => one.Msg),
            KeepingHub.Read(connection).Where(one => !one.Position.IsEmpty).Select(one => one.Msg));
        await small.Hub.RepairAsync(Since, othersMayBeMissing: false, Cancelled);
        await Eventually.HoldsAsync(() => KeepingHub.Read(connection) is [.., { Cmd: "gap" }], "it is told");
        AssertGap(KeepingHub.Read(connection)[^1], "\"types\":[\"msg\"]");
    }

    [Fact]
    public async Task Held_IsBounded_AndKeptOnesComeFromTheStream()
    {
        var connection = await AttachAsync();
        var kept = Keep([.. Enumerable.Range(0, 3_000).Select(i => $"{i}")]);
        var reading = new TaskCompletionSource();
        history.OnRead = () => reading.Task;
        foreach (var message in kept[1..])
            Hub.TryReceive(Channel, message);
        reading.SetResult();
        await Eventually.HoldsAsync(() => connection.Frames.Count == 3_000, "all of them");
        Assert.Equal(kept.Select(one => one.Position), KeepingHub.Read(connection).Select(one => one.Position));
    }

    [Fact]
    public async Task Attach_Fails_GivenAPositionThatCannotBeRead()
    {
        history.IsUnavailable = true;
        var connection = new FakeConnection(Some.OtherClient, Some.Group, keeping.Loops.Next());
        Assert.False(await Hub.AttachAsync(connection, Cancelled));
        await Eventually.HoldsAsync(() => Hub.Channels == 0, "nothing is left");
        Assert.All(keeping.Bus.Balance.Values, count => Assert.Equal(0, count));
    }

    private Task<FakeConnection> AttachAsync() => keeping.AttachAsync(Some.OtherClient, Some.Group);

    private List<Message> Keep(params string[] texts) =>
        [.. texts.Select(text => history.Keep(Channel, Some.Message with { Type = MessageType.Cmd, Cmd = "go", Msg = text }))];

    // What is dropped comes before this, if it came.
    private async Task MarkAsync()
    {
        await Eventually.HoldsAsync(() => !Hub.PlaceOf(Channel)!.IsHolding, "nothing is held");
        Hub.TryReceive(Channel, Some.Message with { Msg = "mark" });
    }

    private static void AssertGap(Message gap, string payload)
    {
        Assert.Equal("gap", gap.Cmd);
        Assert.Contains(payload, System.Text.Encoding.UTF8.GetString(gap.Payload.Span), StringComparison.Ordinal);
    }

    private static async Task AssertTextsAsync(FakeConnection connection, params string?[] texts)
    {
        await Eventually.HoldsAsync(() => connection.Frames.Count >= texts.Length, "everything is there");
        Assert.Equal(texts, KeepingHub.Read(connection).Select(message => message.Msg));
    }
}
