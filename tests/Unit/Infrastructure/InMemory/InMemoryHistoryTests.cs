using Aether.Application;
using Aether.Application.Ports;
using Aether.Domain;
using Aether.Infrastructure.InMemory;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>For how long memory keeps what, by a clock that a test moves.</summary>
public sealed class InMemoryHistoryTests
{
    private static readonly ChannelName Channel = ChannelName.Group(Some.Group);
    private readonly FakeTimeProvider time = new();
    private readonly InMemoryMessageHistory history;

    public InMemoryHistoryTests() => history = new InMemoryMessageHistory(
        new InMemoryChannels(),
        new InMemoryLeaseStore(time),
        new HistoryOptions { Ttl = Duration.FromSeconds(60), Remember = Duration.FromSeconds(600) },
        time);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Position_OutlivesItsMessages_AndNothingIsMissing()
    {
        var kept = (await history.AppendAsync(Channel, Some.Message, Cancelled)).Position;
        time.Advance(TimeSpan.FromSeconds(500));
        var page = await ReadAsync(kept);
        Assert.Equal((HistoryStatus.Found, kept), (page.Status, page.End));
        Assert.Empty(page.Messages);
    }

    [Fact]
    public async Task Position_IsOfAnotherEpoch_GivenThatItWasForgotten()
    {
        var kept = (await history.AppendAsync(Channel, Some.Message, Cancelled)).Position;
        time.Advance(TimeSpan.FromSeconds(601));
        var page = await ReadAsync(kept);
        Assert.Equal(HistoryStatus.Epoch, page.Status);
        Assert.NotEqual(kept.Epoch, page.End.Epoch);
        Assert.Equal(0, page.End.Seq);
    }

    [Fact]
    public async Task Position_StaysKnown_GivenThatSomebodyAsksForIt()
    {
        var kept = (await history.AppendAsync(Channel, Some.Message, Cancelled)).Position;
        for (int i = 0; i < 5; i++)
        {
            time.Advance(TimeSpan.FromSeconds(400));
            Assert.Equal([kept], await history.GetPositionsAsync([Channel], Cancelled));
        }
    }

    [Fact]
    public async Task Read_IsLostAsExpired_GivenAMessageWhoseTimeIsOver()
    {
        var kept = (await history.AppendAsync(Channel, Some.Message, Cancelled)).Position;
        time.Advance(TimeSpan.FromSeconds(40));
        await history.AppendAsync(Channel, Some.Message with { Msg = "second" }, Cancelled);
        time.Advance(TimeSpan.FromSeconds(21));
        var lost = await ReadAsync(kept.At(0));
        Assert.Equal(HistoryStatus.Expired, lost.Status);
        Assert.Empty(lost.Messages);
        Assert.Equal(["second"], (await ReadAsync(kept)).Messages.Select(one => one.Msg));
    }

    [Fact]
    public async Task Append_PublishesAgain_GivenAnIdWhoseTimeIsOver()
    {
        var message = Some.Message with { Id = "m1" };
        await history.AppendAsync(Channel, message, Cancelled);
        time.Advance(TimeSpan.FromSeconds(59));
        Assert.Equal(KeepStatus.Duplicate, (await history.AppendAsync(Channel, message, Cancelled)).Status);
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(KeepStatus.Published, (await history.AppendAsync(Channel, message, Cancelled)).Status);
    }

    private ValueTask<HistoryPage> ReadAsync(Position after) =>
        history.ReadAsync(Channel, new HistoryRange(after, 100), Cancelled);
}
