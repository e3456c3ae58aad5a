using System.Text.Json;
using Aether.Application.Ports;
using Aether.Application.Presence;
using Aether.Application.Wire;
using Aether.Domain;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Aether.Tests.Unit;

public sealed class PresenceAnnouncerTests
{
    private readonly FakeTimeProvider time = new();
    private readonly List<Message> published = [];
    private readonly PresenceAnnouncer announcer;

    public PresenceAnnouncerTests() => announcer = new PresenceAnnouncer(
        new FakeBus((message, _) =>
        {
            published.Add(message);
            return new(PublishResult.To(1));
        }),
        new ServerMessages(time),
        time);

    [Fact]
    public void OnChanged_TellsAtOnce_GivenASmallGroup()
    {
        Came("a", PresenceAnnouncer.LargeGroup);

        Assert.Equal(("join", "a"), (Assert.Single(published).Cmd, published[0].FromId.Value));
    }

    [Fact]
    public void OnChanged_TellsALossWithItsReason()
    {
        announcer.OnChanged(Some.Group, new(PresenceTransition.Went, MemberOf("a"), 1, "lost"));

        using var payload = JsonDocument.Parse(Assert.Single(published).Payload);
        Assert.Equal("lost", payload.RootElement.GetProperty("reason").GetString());
    }

    [Fact]
    public void OnChanged_TellsManyInOneFrameAPeriod_GivenALargeGroup()
    {
        for (int i = 0; i < 300; i++)
            Came("c" + i, PresenceAnnouncer.LargeGroup + 1 + i);
        Assert.Empty(published);

        time.Advance(PresenceAnnouncer.Period);

        var frame = Assert.Single(published);
        Assert.Equal((VisionId.Server, "changes", Target.Group), (frame.FromId, frame.Cmd, frame.Target));
        Assert.Equal(300, Names(frame, "joined").Length);
        Assert.Empty(Names(frame, "left"));
        time.Advance(PresenceAnnouncer.Period);
        Assert.Single(published);
    }

    [Fact]
    public void OnChanged_KeepsWhatIsTrue_GivenComingAndGoingWithinAPeriod()
    {
        Came("passing", 600);
        Went("passing", 600);
        Went("back", 600);
        Came("back", 600);
        Went("gone", 600);
        // The group is small by now, and yet nothing overtakes what was gathered.
        Came("late", 3);
        time.Advance(PresenceAnnouncer.Period);

        var frame = Assert.Single(published);
        Assert.Equal(["back", "late"], Names(frame, "joined"));
        Assert.Equal(["back", "gone"], Names(frame, "left"));
    }

    [Fact]
    public void OnChanged_KeepsFramesBelowWhatAnInstanceTakes_GivenThousandsAtOnce()
    {
        for (int i = 0; i < 2_000; i++)
            Came(new string('x', 60) + i, 5_000);
        time.Advance(PresenceAnnouncer.Period);

        Assert.Equal(2_000, published.Sum(frame => Names(frame, "joined").Length));
        Assert.All(published, frame => Assert.True(MessageWriter.Write(frame).Length < 65_536));
    }

    [Fact]
    public void OnChanged_KeepsFramesSmallAndTellsLeavingFirst_GivenThousandsThatComeAndGoAtOnce()
    {
        for (int i = 0; i < 1_000; i++)
            Went(new string('x', 60) + i, 5_000, "lost");
        for (int i = 999; i >= 0; i--)
            Came(new string('x', 60) + i, 5_000);
        time.Advance(PresenceAnnouncer.Period);

        var there = new HashSet<string>();
        foreach (var frame in published)
        {
            Assert.True(MessageWriter.Write(frame).Length < 65_536);
            there.ExceptWith(Names(frame, "left"));
            there.UnionWith(Names(frame, "joined"));
        }
        Assert.Equal(1_000, there.Count);
        Assert.Equal(1_000, published.Sum(frame => Names(frame, "left").Length));
    }

    [Fact]
    public void OnChanged_TellsEveryReason_GivenALargeGroup()
    {
        Went("lost", 600, "lost");
        Went("closed", 600);
        time.Advance(PresenceAnnouncer.Period);

        using var payload = JsonDocument.Parse(Assert.Single(published).Payload);
        Assert.Equal(
            """[{"client_id":"lost","role":"worker","reason":"lost"},{"client_id":"closed","role":"worker"}]""",
            payload.RootElement.GetProperty("left").GetRawText());
    }

    private static Member MemberOf(string client) =>
        new(VisionId.Parse(client), Role.Worker, "{}"u8.ToArray(), 1, DateTime.UnixEpoch, DateTime.UnixEpoch);

    private static string[] Names(Message frame, string list)
    {
        using var payload = JsonDocument.Parse(frame.Payload);
        return [.. payload.RootElement.GetProperty(list).EnumerateArray()
            .Select(one => one.GetProperty("client_id").GetString()!)];
    }

    private void Came(string client, int size) =>
        announcer.OnChanged(Some.Group, new(PresenceTransition.Came, MemberOf(client), size));

    private void Went(string client, int size, string? reason = null) =>
        announcer.OnChanged(Some.Group, new(PresenceTransition.Went, MemberOf(client), size, reason));
}
