using Aether.Application.Delivery;
using Aether.Application.History;
using Aether.Application.Wire;
using Aether.Domain;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>What a connection that comes back gets of what its instance hears only later.</summary>
public sealed class ResumptionTests : IDisposable
{
    private static readonly ChannelName Channel = ChannelName.Group(Some.Group);
    private readonly FakeHistory history = new();
    private readonly KeepingHub keeping;

    public ResumptionTests() => keeping = new KeepingHub(history);

    public void Dispose() => keeping.Dispose();

    [Theory]
    [InlineData("e1")]
    [InlineData("e2")]
    public async Task Replayed_DoNotComeAgain_GivenAnInstanceThatHearsThemLater(string epoch)
    {
        var live = await keeping.AttachAsync(Some.OtherClient, Some.Group);
        history.Lose(epoch);
        var kept = Keep("1", "2", "3");

        var resumption = await Resumption.BeginAsync(
            keeping.Hub,
            keeping.Services,
            new FakeConnection(Some.Client, Some.Group, keeping.Loops.Next()),
            new ResumeRequest(default, 3));
        Assert.NotNull(resumption);
        var replayed = await resumption.NextAsync();
        resumption.Advance(replayed);
        Assert.True(replayed.IsLast);
        Assert.Equal(3, replayed.Frames.Count);

        keeping.Hub.TryReceive(Channel, kept[2]);
        await Eventually.HoldsAsync(() => live.Frames.OfType<KeptFrame>().Count() == 3, "the instance has heard them");
        Assert.DoesNotContain(live.Frames, frame => frame is KeptFrame && (resumption.IsOver || resumption.Admits(frame)));
        Assert.False(resumption.IsOver);
        Assert.True(resumption.Admits(Frame.Of(Keep("4")[0])));
        Assert.True(resumption.IsOver);
    }

    private List<Message> Keep(params string[] texts) =>
        [.. texts.Select(text => history.Keep(Channel, Some.Message with { Type = MessageType.Cmd, Cmd = "go", Msg = text }))];
}
