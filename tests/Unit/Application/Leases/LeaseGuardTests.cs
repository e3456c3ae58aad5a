using Aether.Application;
using Aether.Application.History;
using Aether.Application.Leases;
using Aether.Application.Messaging;
using Aether.Application.Ports;
using Aether.Application.Presence;
using Aether.Domain;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>What names a lease and does not go to a group: it is asked for first, and whatever comes behind it waits.</summary>
public sealed class LeaseGuardTests
{
    private static readonly VisionId Name = VisionId.Parse("lead");
    private static readonly LeaseClaim Claim = new(Name, 3);

    private readonly ILeaseStore leases = Substitute.For<ILeaseStore>();
    private readonly List<string?> published = [];
    private readonly FakeHistory history = new();
    private readonly LeaseGuard guard;
    private readonly PublishHandler handler;

    public LeaseGuardTests()
    {
        guard = new LeaseGuard(leases);
        var bus = new FakeBus((message, _) =>
        {
            published.Add(message.Msg);
            return new(PublishResult.To(1));
        });
        history.OnAppend = (channel, message) =>
        {
            published.Add(message.Msg);
            return new(new KeepResult(KeepStatus.Published, 1, history.Keep(channel, message).Position));
        };
        var kept = new KeptMessages(history);
        var recipients = new Recipients(Substitute.For<IPresenceStore>(), new FakeTimeProvider());
        var direct = new DirectMessages(
            bus, recipients, new KeptDirect(kept, recipients, new SendOrder(), guard), guard: guard);
        handler = new PublishHandler(bus, direct, kept, guard);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Check_LetsThrough_WhoHoldsTheLeaseInThisTerm()
    {
        Answer(Held(Some.Client, 3));
        Assert.Null(await guard.CheckAsync(Say("x"), Cancellation));
        await leases.Received(1).GetAsync(Some.Group, Name, Cancellation);
    }

    [Fact]
    public async Task Check_Refuses_WhoeverDoesNot()
    {
        foreach (var found in (LeaseResult[])
            [
                Held(Some.OtherClient, 3),
                Held(Some.Client, 4),
                new(LeaseStatus.Done, Lease.Free(Name) with { Term = 3 }),
                // Its time is over.
                new(LeaseStatus.Done, new Lease(Name, Some.Client, 3, 1_000, 1_000)),
            ])
        {
            Answer(found);
            Assert.Equal(Rejection.StaleTerm, await guard.CheckAsync(Say("x"), Cancellation));
        }
        Assert.Equal(Rejection.StaleTerm, await LeaseGuard.Closed.CheckAsync(Say("x"), Cancellation));
    }

    [Theory]
    [InlineData(LeaseStatus.Unavailable)]
    [InlineData(LeaseStatus.Unknown)]
    public async Task Check_Refuses_GivenThatNobodyKnows(object status)
    {
        Answer(new LeaseResult((LeaseStatus)status, null, Fault: BackplaneFault.Loading));
        Assert.Equal(
            BackplaneFault.Loading.ToRejection(), await guard.CheckAsync(Say("x"), Cancellation));
    }

    [Fact]
    public async Task Check_AsksNobody_GivenAMessageThatNamesNoLease()
    {
        Assert.Null(await guard.CheckAsync(Say("x", lease: false), Cancellation));
        Assert.Empty(leases.ReceivedCalls());
    }

    [Theory]
    [InlineData(Target.Direct, MessageType.Cmd, MessageType.Msg)]
    [InlineData(Target.Direct, MessageType.Msg, MessageType.Cmd)]
    [InlineData(Target.Direct, MessageType.Msg, MessageType.Msg)]
    [InlineData(Target.Direct, MessageType.Cmd, MessageType.Cmd)]
    [InlineData(Target.Broadcast, MessageType.Cmd, MessageType.Msg)]
    [InlineData(Target.Broadcast, MessageType.Msg, MessageType.Cmd)]
    [InlineData(Target.Broadcast, MessageType.Msg, MessageType.Msg)]
    public async Task Later_WaitsForTheOneWhoseLeaseIsAskedFor(Target target, MessageType first, MessageType then)
    {
        var answer = new TaskCompletionSource<LeaseResult>();
        Answer(answer.Task);
        var sending = (Task<Outcome>[])
        [
            SendAsync(target, first, "1", lease: true),
            SendAsync(target, then, "2", lease: false),
            SendAsync(target, first, "3", lease: true),
            SendAsync(target, then, "4", lease: false),
        ];
        Assert.Empty(published);

        answer.SetResult(Held(Some.Client, 3));
        Assert.All(await Task.WhenAll(sending), outcome => Assert.Null(outcome.Rejection));

        Assert.Equal(["1", "2", "3", "4"], published);
    }

    [Theory]
    [InlineData(Target.Direct, MessageType.Cmd)]
    [InlineData(Target.Direct, MessageType.Msg)]
    [InlineData(Target.Broadcast, MessageType.Cmd)]
    [InlineData(Target.Broadcast, MessageType.Msg)]
    public async Task Refused_GoesNowhere_AndHoldsUpNobody(Target target, MessageType type)
    {
        Answer(Held(Some.OtherClient, 4));
        var refused = await SendAsync(target, type, "1", lease: true);
        var next = await SendAsync(target, type, "2", lease: false);
        Assert.Equal((Rejection.StaleTerm, null), (refused.Rejection, next.Rejection));
        Assert.Equal(["2"], published);
    }

    [Theory]
    [InlineData(Target.Direct)]
    [InlineData(Target.Broadcast)]
    public async Task Repeated_IsADuplicate_GivenThatItWasKeptWhileItsSenderHeldTheLease(Target target)
    {
        Answer(Held(Some.OtherClient, 4));
        history.Found = new KeepResult(KeepStatus.Duplicate, 0, new Position("e1", 7));
        var outcome = await SendAsync(target, MessageType.Cmd, "1", lease: true);
        Assert.Equal((true, new Position("e1", 7)), (outcome.IsDuplicate, outcome.Position));
        Assert.Empty(published);
    }

    [Fact]
    public async Task Echo_ComesBack_OnlyUnderTheLease()
    {
        var message = Say("x") with { Target = Target.Echo };
        Answer(Held(Some.Client, 3));
        Assert.Same(message, (await handler.Handle(new Publish(Some.Sender(), message), Cancellation)).Reply);
        Answer(Held(Some.Client, 4));
        var refused = await handler.Handle(new Publish(Some.Sender(), message), Cancellation);
        Assert.Equal((Rejection.StaleTerm, null), (refused.Rejection, refused.Reply));
    }

    private static LeaseResult Held(VisionId holder, long term) => new(
        LeaseStatus.Done, new Lease(Name, holder, term, 10_000, 10_000), TimeLeft: TimeSpan.FromSeconds(5));

    private static Message Say(string text, MessageType type = MessageType.Msg, bool lease = true) => Some.Message with
    {
        Type = type,
        Cmd = type == MessageType.Cmd ? "go" : null,
        Msg = text,
        Id = text,
        Lease = lease ? Claim : null,
    };

    private void Answer(LeaseResult found) => Answer(Task.FromResult(found));

#pragma warning disable CA2012 // It is called to say what it returns.
    private void Answer(Task<LeaseResult> found) =>
        leases.GetAsync(default, default, Cancellation).ReturnsForAnyArgs(_ => new ValueTask<LeaseResult>(found));
#pragma warning restore CA2012

    private Task<Outcome> SendAsync(Target target, MessageType type, string text, bool lease)
    {
        var message = Say(text, type, lease) with
        {
            Target = target,
            ToId = target == Target.Direct ? Some.OtherClient : default,
        };
        return handler.Handle(new Publish(Some.Sender(Permissions.Broadcast), message), Cancellation);
    }
}
