using System.Text.Json;
using Aether.Application.Ports;
using Aether.Application.Presence;
using Aether.Application.Wire;
using Aether.Domain;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Xunit;

namespace Aether.Tests.Unit;

public sealed class PresenceHandlerTests
{
    private static readonly Member Worker = new(
        Some.Client, Role.Worker, "{\"battery\":0.50}"u8.ToArray(), 2, DateTime.UnixEpoch, DateTime.UnixEpoch);

    private readonly IPresenceStore presence = Substitute.For<IPresenceStore>();
    private readonly IMessageBus bus = Substitute.For<IMessageBus>();
    private readonly FakeTimeProvider time = new(new DateTimeOffset(2026, 7, 8, 9, 10, 11, TimeSpan.Zero));

    [Fact]
    public async Task Join_RegistersTheConnection_InItsGroupAndRole()
    {
        Answer(PresenceTransition.None, Worker);

        await Join();

        await presence.Received(1).JoinAsync(Some.Group, Some.Client, Role.Worker, Arg.Any<CancellationToken>());
        Assert.Single(presence.ReceivedCalls());
    }

    [Theory]
    [InlineData("join")]
    [InlineData("leave")]
    public async Task Handle_TellsTheGroupOnce_GivenThatTheClientCameOrWent(string cmd)
    {
        Answer(cmd == "join" ? PresenceTransition.Came : PresenceTransition.Went, Worker);
        Message? published = null;
        bus.PublishAsync(default, Arg.Do<Message>(message => published = message), Arg.Any<CancellationToken>())
            .ReturnsForAnyArgs(PublishResult.To(1));

        var outcome = await (cmd == "join" ? Join() : Leave());

        Assert.Null(outcome.Rejection);
        Assert.Single(bus.ReceivedCalls());
        await bus.Received(1).PublishAsync(
            ChannelName.Group(Some.Group), Arg.Any<Message>(), Arg.Any<CancellationToken>());
        Assert.Equal(
            (MessageType.Presence, Target.Group, Some.Client, Some.Group, cmd, time.GetUtcNow().UtcDateTime),
            (published!.Type, published.Target, published.FromId, published.GroupId, published.Cmd, published.SentAt));
        Assert.Equal(
            """{"role":"worker","state":{"battery":0.50},"connections":2}""",
            System.Text.Encoding.UTF8.GetString(published.Payload.Span));
    }

    [Theory]
    [InlineData("join")]
    [InlineData("leave")]
    public async Task Handle_TellsNobody_GivenThatTheClientWasThereAlreadyOrStaysThere(string cmd)
    {
        Answer(PresenceTransition.None, Worker);

        var outcome = await (cmd == "join" ? Join() : Leave());

        Assert.Null(outcome.Rejection);
        Assert.Empty(bus.ReceivedCalls());
    }

    [Fact]
    public async Task Join_IsRejected_GivenThatTheStoreIsUnavailable()
    {
        Answer(PresenceTransition.Unavailable, null);

        var outcome = await Join();

        Assert.Same(ErrorCode.BackplaneUnavailable, outcome.Rejection?.Code);
        Assert.Empty(bus.ReceivedCalls());
    }

    [Fact]
    public async Task Leave_IsDone_GivenThatTheStoreIsUnavailable()
    {
        // The store remembers it; there is nothing that a closed connection could do about it.
        Answer(PresenceTransition.Unavailable, null);

        var outcome = await Leave();

        Assert.Null(outcome.Rejection);
        Assert.Empty(bus.ReceivedCalls());
    }

    [Theory]
    [InlineData("join")]
    [InlineData("leave")]
    public async Task Handle_IsDone_GivenThatTheEventCannotBePublished(string cmd)
    {
        Answer(cmd == "join" ? PresenceTransition.Came : PresenceTransition.Went, Worker);
        bus.PublishAsync(default, null!, Arg.Any<CancellationToken>()).ReturnsForAnyArgs(PublishResult.Unavailable);

        var outcome = await (cmd == "join" ? Join() : Leave());

        Assert.Null(outcome.Rejection);
    }

    [Fact]
    public async Task Join_TellsNullForTheRole_GivenNone()
    {
        Answer(PresenceTransition.Came, Worker with { Role = Role.None, State = ServerMessages.EmptyPayload });
        bus.PublishAsync(default, null!, Arg.Any<CancellationToken>()).ReturnsForAnyArgs(PublishResult.To(1));

        await Join();

        var message = (Message)bus.ReceivedCalls().Single().GetArguments()[1]!;
        using var payload = JsonDocument.Parse(message.Payload);
        Assert.Equal(JsonValueKind.Null, payload.RootElement.GetProperty("role").ValueKind);
    }

    private void Answer(PresenceTransition transition, Member? member)
    {
        var change = new PresenceChange(transition, member);
        presence.JoinAsync(default, default, default, Arg.Any<CancellationToken>()).ReturnsForAnyArgs(change);
        presence.LeaveAsync(default, default, default, Arg.Any<CancellationToken>()).ReturnsForAnyArgs(change);
    }

    private Task<Application.Outcome> Join() => new JoinHandler(presence, new PresenceAnnouncer(bus, new ServerMessages(time), time))
        .Handle(new Join(Some.Group, Some.Client, Role.Worker), TestContext.Current.CancellationToken);

    private Task<Application.Outcome> Leave() => new LeaveHandler(presence, new PresenceAnnouncer(bus, new ServerMessages(time), time))
        .Handle(new Leave(Some.Group, Some.Client, Role.Worker), TestContext.Current.CancellationToken);
}
