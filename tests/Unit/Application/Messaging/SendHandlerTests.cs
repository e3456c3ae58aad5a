using Aether.Application;
using Aether.Application.Messaging;
using Aether.Application.Pipeline;
using Aether.Application.Ports;
using Aether.Domain;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>Handlers alone, against substitutes of their ports: what whoever adds a target writes first.</summary>
public sealed class SendHandlerTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private readonly IMessageBus bus = Substitute.For<IMessageBus>();

    public static TheoryData<Target, object> Channels => new()
    {
        { Target.Direct, ChannelName.Client(Some.OtherClient) },
        { Target.Group, ChannelName.Group(Some.OtherGroup) },
        { Target.Role, ChannelName.Group(Some.OtherGroup) },
        { Target.Broadcast, ChannelName.Broadcast },
    };

    [Theory]
    [MemberData(nameof(Channels), DisableDiscoveryEnumeration = true)]
    public async Task Handle_PublishesTheMessageOnce_OnTheChannelOfItsTarget(Target target, object channel)
    {
        var message = MessageTo(target);
        BusAnswers(PublishResult.To(2));

        var outcome = await Handle(message);

        await bus.Received(1).PublishAsync((ChannelName)channel, message, Arg.Any<CancellationToken>());
        Assert.Single(bus.ReceivedCalls());
        Assert.Equal(2, outcome.Instances);
        Assert.Null(outcome.Rejection);
        Assert.Null(outcome.Reply);
    }

    [Theory]
    [InlineData(Target.Direct)]
    [InlineData(Target.Group)]
    [InlineData(Target.Broadcast)]
    public async Task Handle_IsRejected_GivenNoBackplane(Target target)
    {
        BusAnswers(PublishResult.Unavailable);

        var outcome = await Handle(MessageTo(target));

        Assert.Same(ErrorCode.BackplaneUnavailable, outcome.Rejection?.Code);
        Assert.NotNull(outcome.Rejection?.RetryAfter);
        Assert.Equal(0, outcome.Instances);
    }

    [Fact]
    public async Task Handle_TellsThatTheRecipientIsOffline_GivenThatNoInstanceHeardADirectMessage()
    {
        BusAnswers(PublishResult.To(0));

        var outcome = await Handle(MessageTo(Target.Direct));

        Assert.Equal((ErrorCode.RecipientOffline, "to_id"), (outcome.Rejection?.Code, outcome.Rejection?.Field));
    }

    [Theory]
    [InlineData(Target.Group)]
    [InlineData(Target.Role)]
    [InlineData(Target.Broadcast)]
    public async Task Handle_IsPublished_GivenThatNoInstanceHeardAMessageToMany(Target target)
    {
        BusAnswers(PublishResult.To(0));

        var outcome = await Handle(MessageTo(target));

        Assert.Null(outcome.Rejection);
        Assert.Equal(0, outcome.Instances);
    }

    [Theory]
    [InlineData(Target.Direct)]
    [InlineData(Target.Group)]
    [InlineData(Target.Broadcast)]
    public async Task Handle_PassesTheTokenOn_AndItsCancellationBack(Target target)
    {
        using var source = new CancellationTokenSource();
        var hanging = new FakeBus(async (_, cancellation) =>
        {
            await Task.Delay(Timeout.Infinite, cancellation);
            return PublishResult.To(1);
        });

        var handling = Handle(MessageTo(target), hanging, source.Token);
        Assert.False(handling.IsCompleted);
        await source.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => handling);
    }

    [Fact]
    public async Task Handle_AnswersWithTheMessageItself_GivenAnEcho()
    {
        var message = MessageTo(Target.Echo);

        var outcome = await Handle(message);

        Assert.Same(message, outcome.Reply);
        Assert.Null(outcome.Rejection);
    }

    [Theory]
    [InlineData(Target.Direct)]
    [InlineData(Target.Group)]
    [InlineData(Target.Broadcast)]
    [InlineData(Target.Echo)]
    public async Task Handle_RefreshesPresenceAndPublishesNothing_GivenAHeartbeat(Target target)
    {
        var presence = Substitute.For<IPresenceStore>();
        var time = new FakeTimeProvider(new DateTimeOffset(2026, 7, 8, 9, 10, 11, TimeSpan.Zero));
        var message = MessageTo(target) with
        {
            Type = MessageType.Heartbeat,
            Payload = "{\"n\":1}"u8.ToArray(),
            Id = "m1",
        };
        var sender = Some.Sender();

        var outcome = await new HeartbeatHandler(presence, time).Handle(new Heartbeat(sender, message), Cancellation);

        presence.Received(1).Touch(Some.Group, Some.Client);
        Assert.Single(presence.ReceivedCalls());
        Assert.Null(outcome.Rejection);
        // Only the time is the server's; a client measures its round trip with the rest.
        var expected = target == Target.Echo ? message with { SentAt = time.GetUtcNow().UtcDateTime } : null;
        Assert.Equal(expected, outcome.Reply);
    }

    [Fact]
    public async Task Handle_TouchesNobody_GivenAHeartbeatOfTheHost()
    {
        var presence = Substitute.For<IPresenceStore>();

        await new HeartbeatHandler(presence, new FakeTimeProvider())
            .Handle(new Heartbeat(Sender.Host, Some.Message), Cancellation);

        Assert.Empty(presence.ReceivedCalls());
    }

    private static Message MessageTo(Target target) => Some.Message with
    {
        Target = target,
        ToId = target == Target.Direct ? Some.OtherClient : default,
        // Not the sender's own: the message's group decides.
        GroupId = Some.OtherGroup,
    };

    private void BusAnswers(PublishResult result) =>
        bus.PublishAsync(default, null!, Arg.Any<CancellationToken>()).ReturnsForAnyArgs(result);

    private Task<Outcome> Handle(Message message) => Handle(message, bus, Cancellation);

    private static Task<Outcome> Handle(Message message, IMessageBus bus, CancellationToken cancellation) =>
        new PublishHandler(bus).Handle(new Publish(Some.Sender(), message), cancellation);
}
