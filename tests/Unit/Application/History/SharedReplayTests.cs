using Aether.Application.History;
using Aether.Application.Wire;
using Aether.Domain;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>What it costs the store when many come back who missed the same.</summary>
public sealed class SharedReplayTests : IDisposable
{
    private const int Many = 10_000;

    private static readonly ChannelName Channel = ChannelName.Group(Some.Group);
    private static readonly Position Start = new("e1", 0);

    private readonly FakeHistory history = new();
    private readonly KeepingHub keeping;

    // A clock that stands still: within the second in which what was read is kept.
    public SharedReplayTests() => keeping = new KeepingHub(history, new FakeTimeProvider());

    public void Dispose() => keeping.Dispose();

    [Fact]
    public async Task TenThousand_CostOneRead_GivenARangeThatThisInstanceHasNotHeard()
    {
        await AttachFirstAsync();
        Keep("1", "2", "3");
        var reading = new TaskCompletionSource();
        history.OnRead = () => reading.Task;

        var waiting = Enumerable.Range(0, Many).Select(_ => ResumeAsync()).ToList();
        reading.SetResult();
        var pages = await Task.WhenAll(waiting);

        Assert.Equal(1, history.Reads);
        Assert.All(pages, page => Assert.Equal(["1", "2", "3"], page));
        // Nor do those who come a moment later.
        Assert.Equal(["1", "2", "3"], await ResumeAsync());
        Assert.Equal(1, history.Reads);
    }

    [Fact]
    public async Task TenThousand_CostNoRead_GivenWhatThisInstanceHasJustDelivered()
    {
        await AttachFirstAsync();
        foreach (var message in Keep("1", "2", "3"))
            Assert.True(keeping.Hub.TryReceive(Channel, message));

        var pages = await Task.WhenAll(Enumerable.Range(0, Many).Select(_ => ResumeAsync()));

        Assert.Equal(0, history.Reads);
        Assert.All(pages, page => Assert.Equal(["1", "2", "3"], page));
    }

    [Fact]
    public async Task Frames_AreHeldWithinTheBudgetOfAllChannels_AndAreReadBeyondIt()
    {
        await AttachFirstAsync();
        var budget = keeping.Services.Budget;
        // All but two kilobytes are somebody else's.
        int free = 2_048;
        Assert.True(budget.TryTake((32 * 1024 * 1024) - free));
        foreach (var message in Keep([.. Enumerable.Range(0, 20).Select(i => $"{i}-{new string('x', 200)}")]))
            keeping.Hub.TryReceive(Channel, message);

        var page = await ResumeAsync();

        Assert.Equal(20, page.Count);
        Assert.True(history.Reads > 0, "what is not held is read");
        Assert.False(budget.TryTake(free + 1), "no more is held than there is room for");
    }

    [Fact]
    public async Task Frames_AreGivenBackToTheBudget_WhenTheChannelIsHeardNoLonger()
    {
        var first = await AttachFirstAsync();
        foreach (var message in Keep("1", "2", "3"))
            keeping.Hub.TryReceive(Channel, message);
        Assert.False(keeping.Services.Budget.TryTake(32 * 1024 * 1024), "some of it is taken");

        keeping.Hub.Detach(first);

        await Eventually.HoldsAsync(() => keeping.Hub.Channels == 0, "nothing is heard");
        Assert.True(keeping.Services.Budget.TryTake(32 * 1024 * 1024), "all of it is free");
    }

    [Fact]
    public async Task Frames_AreGivenBackToTheBudget_GivenOneThatComesWhileTheChannelIsLeft()
    {
        var first = await AttachFirstAsync();
        var kept = Keep("1", "2");
        keeping.Hub.TryReceive(Channel, kept[0]);
        keeping.Bus.OnUnsubscribe = channel =>
        {
            if (channel == Channel)
                keeping.Hub.TryReceive(channel, kept[1]);
            return Task.CompletedTask;
        };

        keeping.Hub.Detach(first);

        await Eventually.HoldsAsync(() => keeping.Hub.Channels == 0, "nothing is heard");
        Assert.True(keeping.Services.Budget.TryTake(32 * 1024 * 1024), "all of it is free");
    }

    [Fact]
    public async Task Rewind_HasNoHole_GivenPagesThatAnotherReadBeforeTheLastMessage()
    {
        await AttachFirstAsync();
        // Too long for what an instance holds, and for one page.
        string[] texts = [.. Enumerable.Range(1, 7).Select(number => $"{number}" + new string('x', 60_000))];
        foreach (var message in Keep(texts[..6]))
            keeping.Hub.TryReceive(Channel, message);
        Assert.Equal(texts[..6], await ResumeAsync(new ResumeRequest(default, 6)));

        keeping.Hub.TryReceive(Channel, Keep(texts[6])[0]);

        // What comes live is behind the last one that this instance has delivered.
        Assert.Equal(texts, await ResumeAsync(new ResumeRequest(default, 6)));
    }

    private Task<FakeConnection> AttachFirstAsync() => keeping.AttachAsync(Some.OtherClient, Some.Group);

    private List<Message> Keep(params string[] texts) =>
        [.. texts.Select(text => history.Keep(Channel, Some.Message with { Type = MessageType.Cmd, Cmd = "go", Msg = text }))];

    private Task<List<string?>> ResumeAsync() =>
        ResumeAsync(new ResumeRequest(new ChannelPositions(Start, default, default)));

    private async Task<List<string?>> ResumeAsync(ResumeRequest request)
    {
        var connection = new FakeConnection(Some.Client, Some.Group, keeping.Loops.Next());
        var resumption = await Resumption.BeginAsync(keeping.Hub, keeping.Services, connection, request);
        Assert.NotNull(resumption);
        var texts = new List<string?>();
        while (true)
        {
            var page = await resumption.NextAsync();
            texts.AddRange(page.Frames.Select(frame => KeepingHub.Read(frame).Msg));
            resumption.Advance(page);
            if (page.IsLast)
                return texts;
        }
    }
}
