using System.Text;
using System.Text.Json;
using Aether.Application.Ports;
using Aether.Application.Presence;
using Aether.Application.Wire;
using Aether.Domain;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Xunit;

namespace Aether.Tests.Unit;

public sealed class PresenceAnnouncerTests
{
    private readonly FakeTimeProvider time = new();
    private readonly List<Message> published = [];
    private readonly IPresenceStore presence = Substitute.For<IPresenceStore>();
    private readonly PresenceAnnouncer announcer;
    private Func<ValueTask<PublishResult>> answer = static () => new(PublishResult.To(1));

    public PresenceAnnouncerTests() => announcer = new PresenceAnnouncer(
        new FakeBus((message, _) =>
        {
            published.Add(message);
            return answer();
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

    [Fact]
    public void OnChanged_GoesByVersion_GivenChangesThatComeInAnotherOrder()
    {
        Went("moved", 600, version: 2);
        Came("moved", 600, version: 3);
        Came("moved", 600, version: 1);
        Went("away", 600, version: 4);
        Came("away", 600, version: 3);
        Went("away", 600, version: 2);
        time.Advance(PresenceAnnouncer.Period);

        var frame = Assert.Single(published);
        Assert.Equal(["moved"], Names(frame, "joined"));
        Assert.Equal(["away"], Names(frame, "left"));
        Assert.Equal([3], Versions(frame, "joined"));
        Assert.Equal([4], Versions(frame, "left"));
    }

    [Theory]
    [InlineData("leave", 6, false)]
    [InlineData("leave", 4, true)]
    [InlineData("join", 6, false)]
    [InlineData("update", 6, true)]
    [InlineData("update", 4, true)]
    [InlineData("changes", 6, false)]
    public void Hear_NothingOlderIsTold_GivenWhatAnotherInstanceTold(string cmd, long version, bool isTold)
    {
        Came("heard", 600, version: 5);
        Went("other", 600, version: 5);
        string one = $$"""{"client_id":"heard","version":{{version}}}""";
        Hear(cmd, "heard", cmd == "changes" ? $$"""{"joined":[1,{{one}}],"left":[{}]}""" : one);

        time.Advance(PresenceAnnouncer.Period);

        var frame = Assert.Single(published);
        Assert.Equal(isTold ? ["heard"] : [], Names(frame, "joined"));
        Assert.Equal(["other"], Names(frame, "left"));
        if (isTold)
            Assert.Equal([Math.Max(5, version)], Versions(frame, "joined"));
    }

    [Fact]
    public void Hear_TheLeavingIsNotTold_GivenAClientThatMovedToAnotherInstanceWhichWasFaster()
    {
        Went("moved", 600, version: 5);
        Came("other", 600, version: 6);
        Hear("changes", "aether", """{"joined":[{"client_id":"moved","version":7}],"left":[]}""");

        time.Advance(PresenceAnnouncer.Period);

        Assert.Empty(Names(Assert.Single(published), "left"));
    }

    [Theory]
    [InlineData(3)]
    [InlineData(600)]
    public void OnChanged_TellsAgainUntilItIsTaken_GivenABusThatTakesNothing(int size)
    {
        answer = static () => new(PublishResult.Unavailable);
        Came("came", size, version: 1);
        Went("went", size, "lost", version: 2);
        for (int i = 0; i < 3; i++)
            time.Advance(PresenceAnnouncer.Period);
        answer = static () => new(PublishResult.To(1));
        published.Clear();
        time.Advance(PresenceAnnouncer.Period);

        var frame = Assert.Single(published);
        Assert.Equal(["came"], Names(frame, "joined"));
        Assert.Equal(["went"], Names(frame, "left"));
        Assert.Equal([1, 2], [.. Versions(frame, "joined"), .. Versions(frame, "left")]);
        Assert.Contains("\"reason\":\"lost\"", Encoding.UTF8.GetString(frame.Payload.Span), StringComparison.Ordinal);
        // And then it is told.
        time.Advance(PresenceAnnouncer.Period);
        Assert.Single(published);
        Assert.False(announcer.IsGathering(Some.Group));
    }

    [Fact]
    public void OnChanged_TellsAgainWhatFailedAlone_GivenOneOfManyFrames()
    {
        int frames = 0;
        answer = () => frames++ == 1 ? throw new TimeoutException() : new(PublishResult.To(1));
        for (int i = 0; i < 1_000; i++)
            Came("c" + i, 5_000, version: i + 1);
        time.Advance(PresenceAnnouncer.Period);
        Assert.Equal(3, published.Count);

        time.Advance(PresenceAnnouncer.Period);

        Assert.Equal(4, published.Count);
        Assert.Equal(Names(published[1], "joined"), Names(published[3], "joined"));
    }

    [Fact]
    public void OnChanged_TellsItNoMore_GivenABusThatIsAwayForLongerThanALease()
    {
        answer = static () => new(PublishResult.Unavailable);
        Came("old", 3, version: 1);
        time.Advance(TimeSpan.FromSeconds(9));
        Came("new", 3, version: 2);
        time.Advance(TimeSpan.FromSeconds(2));
        answer = static () => new(PublishResult.To(1));
        published.Clear();
        time.Advance(PresenceAnnouncer.Period);

        Assert.Equal(["new"], Names(Assert.Single(published), "joined"));
    }

    [Fact]
    public void OnChanged_TellsTheLeaving_GivenAComingThatMayHaveBeenToldAndWasNotConfirmed()
    {
        answer = static () => new(PublishResult.Unavailable);
        Came("x", 3, version: 1);
        Went("x", 3, version: 2);
        answer = static () => new(PublishResult.To(1));
        published.Clear();
        time.Advance(PresenceAnnouncer.Period);

        var frame = Assert.Single(published);
        Assert.Equal(["x"], Names(frame, "left"));
        Assert.Empty(Names(frame, "joined"));
        Assert.Equal([2], Versions(frame, "left"));
    }

    [Theory]
    [InlineData("join", 1, false)]
    [InlineData("update", 1, true)]
    [InlineData("leave", 0, true)]
    public void Hear_ItIsNotToldAgain_GivenThatItWasHeardThoughNotConfirmed(string cmd, long version, bool isTold)
    {
        answer = static () => new(PublishResult.Unavailable);
        Came("x", 3, version: 1);
        Came("y", 3, version: 2);
        answer = static () => new(PublishResult.To(1));
        published.Clear();

        Hear(cmd, "x", $$"""{"version":{{version}}}""");
        time.Advance(PresenceAnnouncer.Period);

        Assert.Equal(isTold ? ["x", "y"] : ["y"], Names(Assert.Single(published), "joined"));
    }

    [Fact]
    public void OnChanged_TheLaterChangeIsTold_GivenOneThatFailsAfterIt()
    {
        var first = new TaskCompletionSource<PublishResult>();
        answer = () => new(first.Task);
        Came("x", 3, version: 1);
        answer = static () => new(PublishResult.Unavailable);
        Went("x", 3, version: 2);
        Came("x", 3, version: 3);
        first.SetResult(PublishResult.Unavailable);
        answer = static () => new(PublishResult.To(1));
        published.Clear();
        time.Advance(PresenceAnnouncer.Period);

        Assert.Equal([3], Versions(Assert.Single(published), "joined"));
    }

    [Theory]
    [InlineData(3)]
    [InlineData(600)]
    public void OnChanged_TellsAnUpdate_GivenAMemberWhoseRoleChanged(int size)
    {
        announcer.OnChanged(
            Some.Group, new(PresenceTransition.None, MemberOf("x", 2), size) { RoleChanged = true });
        announcer.OnChanged(Some.Group, new(PresenceTransition.None, MemberOf("x", 3), size));

        Assert.Equal(("update", "x"), (Assert.Single(published).Cmd, published[0].FromId.Value));
        using var payload = JsonDocument.Parse(published[0].Payload);
        Assert.Equal("worker", payload.RootElement.GetProperty("role").GetString());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void OnChanged_TellsTheNewRole_GivenAComingThatIsNotToldYet(bool here)
    {
        Came("x", 600, version: 1);
        if (here)
        {
            var member = MemberOf("x", 2) with { Role = Role.Observer };
            announcer.OnChanged(Some.Group, new(PresenceTransition.None, member, 600) { RoleChanged = true });
        }
        else
        {
            Hear("update", "x", """{"role":"observer","version":2}""");
        }
        time.Advance(PresenceAnnouncer.Period);

        using var payload = JsonDocument.Parse(published[^1].Payload);
        Assert.Equal(
            """[{"client_id":"x","role":"observer","version":2}]""",
            payload.RootElement.GetProperty("joined").GetRawText());
    }

    [Fact]
    public async Task FlushAsync_TellsWhatIsGatheredAndWaitsForIt_AndNothingIsGatheredAnyMore()
    {
        var taken = new TaskCompletionSource<PublishResult>();
        answer = () => new(taken.Task);
        Went("small", 3);
        for (int i = 0; i < 500; i++)
            announcer.OnChanged(Some.OtherGroup, new(PresenceTransition.Went, MemberOf("c" + i), 1_000 - i));

        var flushed = announcer.FlushAsync();

        Assert.Equal(501, published.Sum(frame => frame.Cmd == "leave" ? 1 : Names(frame, "left").Length));
        Assert.False(flushed.IsCompleted);
        taken.SetResult(PublishResult.To(1));
        await flushed;
        published.Clear();
        Went("late", 600);
        Assert.Equal(["late"], Names(Assert.Single(published), "left"));
    }

    [Fact]
    public async Task FlushAsync_Ends_GivenABusThatTakesNothing()
    {
        answer = static () => new(PublishResult.Unavailable);
        Went("small", 3);
        Went("large", 600);

        await announcer.FlushAsync();

        Assert.False(announcer.IsGathering(Some.Group));
    }

    [Theory]
    [InlineData("leave", "x", """{"version":9}""", true)]
    [InlineData("leave", "x", "{}", false)]
    [InlineData("leave", "x", """{"version":"9"}""", false)]
    [InlineData("changes", "aether", """{"left":[7,{"client_id":8},{"client_id":"x","version":9}]}""", true)]
    [InlineData("changes", "aether", """{"left":{"client_id":"x","version":9}}""", false)]
    [InlineData("join", "x", """{"version":9}""", false)]
    public void Hear_SaysWhoIsToldToHaveGone(string cmd, string from, string payload, bool isToldGone)
    {
        Hear(cmd, from, payload);

        presence.Received(isToldGone ? 1 : 0).ToldGone(Some.Group, VisionId.Parse("x"), 9);
    }

    private static Member MemberOf(string client, long version = 0) =>
        new(VisionId.Parse(client), Role.Worker, "{}"u8.ToArray(), 1, DateTime.UnixEpoch, DateTime.UnixEpoch)
        {
            Version = version,
        };

    private static long[] Versions(Message frame, string list)
    {
        using var payload = JsonDocument.Parse(frame.Payload);
        return [.. payload.RootElement.GetProperty(list).EnumerateArray()
            .Select(one => one.GetProperty("version").GetInt64())];
    }

    private void Hear(string cmd, string from, string payload) =>
        new PresenceListener(announcer, presence).Hear(Some.Group, new Message
        {
            Type = MessageType.Presence,
            Target = Target.Group,
            FromId = from == "aether" ? VisionId.Server : VisionId.Parse(from),
            GroupId = Some.Group,
            Cmd = cmd,
            Payload = Encoding.UTF8.GetBytes(payload),
            SentAt = DateTime.UnixEpoch,
        });

    private static string[] Names(Message frame, string list)
    {
        using var payload = JsonDocument.Parse(frame.Payload);
        return [.. payload.RootElement.GetProperty(list).EnumerateArray()
            .Select(one => one.GetProperty("client_id").GetString()!)];
    }

    private void Came(string client, int size, long version = 0) =>
        announcer.OnChanged(Some.Group, new(PresenceTransition.Came, MemberOf(client, version), size));

    private void Went(string client, int size, string? reason = null, long version = 0) =>
        announcer.OnChanged(Some.Group, new(PresenceTransition.Went, MemberOf(client, version), size, reason));
}
