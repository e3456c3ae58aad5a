using System.Text;
using Aether.Application;
using Aether.Application.Ports;
using Aether.Application.Presence;
using Aether.Application.Wire;
using Aether.Domain;
using MediatR;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>What hosts and operators ask of presence, and the removing of a client.</summary>
public sealed class PresenceQueryTests
{
    private static readonly Member Worker = new(
        Some.Client, Role.Worker, ServerMessages.EmptyPayload, 1, DateTime.UnixEpoch, DateTime.UnixEpoch);

    private readonly IPresenceStore presence = Substitute.For<IPresenceStore>();
    private readonly IMessageBus bus = Substitute.For<IMessageBus>();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task ReadRoster_AnswersWithThePage_OfTheGroup()
    {
        Members(Some.Group, Worker, Worker with { ClientId = Some.OtherClient });

        var answer = await Handle(new ReadRoster(Some.Group, new RosterQuery { Limit = 1 }));

        Assert.Equal((Worker, 2), (answer.Value.Page.Members.Single(), answer.Value.Page.Total));
    }

    [Fact]
    public async Task ReadClient_FindsIt_AmongTheMembers()
    {
        Members(Some.Group, Worker with { ClientId = Some.OtherClient }, Worker);

        Assert.Equal(Worker, (await Handle(new ReadClient(Some.Group, Some.Client))).Value);
    }

    [Fact]
    public async Task ReadClient_IsRejected_GivenThatTheClientIsAbsent()
    {
        Members(Some.Group, Worker with { ClientId = Some.OtherClient });

        var answer = await Handle(new ReadClient(Some.Group, Some.Client));

        Assert.Same(ErrorCode.RecipientOffline, answer.Rejection?.Code);
        Assert.Throws<InvalidOperationException>(() => answer.Value);
    }

    [Theory]
    [InlineData(null, 2)]
    [InlineData(Role.Worker, 1)]
    public async Task CountClients_Counts_ThoseOfTheRole(Role? role, int count)
    {
        Members(Some.Group, Worker, Worker with { ClientId = Some.OtherClient, Role = Role.Observer });

        Assert.Equal(count, (await Handle(new CountClients(Some.Group, role))).Value);
    }

    [Fact]
    public async Task Query_IsRejected_GivenThatPresenceIsUnavailable()
    {
        presence.GetMembersAsync(default, Cancellation).ReturnsForAnyArgs((IReadOnlyList<Member>?)null);

        Rejection?[] rejections =
        [
            (await Handle(new ReadRoster(Some.Group, new RosterQuery()))).Rejection,
            (await Handle(new ReadClient(Some.Group, Some.Client))).Rejection,
            (await Handle(new CountClients(Some.Group))).Rejection,
        ];

        Assert.All(rejections, rejection => Assert.Same(ErrorCode.BackplaneUnavailable, rejection?.Code));
    }

    [Fact]
    public async Task Disconnect_TellsTheClientsInstances_AndSaysHowMany()
    {
        Members(Some.Group, Worker);
        bus.PublishAsync(default, null!, Cancellation).ReturnsForAnyArgs(PublishResult.To(2));

        var outcome = await Remove();

        Assert.Equal((2, null), (outcome.Instances, outcome.Rejection));
        await bus.Received(1).PublishAsync(
            ChannelName.Client(Some.Client),
            Arg.Is<Message>(message => message.GroupId == Some.Group),
            Arg.Any<CancellationToken>());
    }

    [Theory]
    [InlineData(true, 0)]
    [InlineData(false, 1)]
    public async Task Disconnect_IsRejected_GivenThatNobodyIsThere(bool present, int heard)
    {
        // In the second case the client has a connection, but in another group.
        Members(Some.Group, present ? [Worker] : []);
        bus.PublishAsync(default, null!, Cancellation).ReturnsForAnyArgs(PublishResult.To(heard));

        Assert.Same(Rejection.NotPresent, (await Remove()).Rejection);
        Assert.Single(bus.ReceivedCalls());
    }

    [Fact]
    public async Task Disconnect_StillTells_GivenThatPresenceIsUnavailable()
    {
        presence.GetMembersAsync(default, Cancellation).ReturnsForAnyArgs((IReadOnlyList<Member>?)null);
        bus.PublishAsync(default, null!, Cancellation).ReturnsForAnyArgs(PublishResult.To(1));

        Assert.Equal(1, (await Remove()).Instances);
    }

    [Fact]
    public async Task Disconnect_IsRejected_GivenNoBackplane()
    {
        Members(Some.Group, Worker);
        bus.PublishAsync(default, null!, Cancellation).ReturnsForAnyArgs(PublishResult.Unavailable);

        Assert.Same(ErrorCode.BackplaneUnavailable, (await Remove()).Rejection?.Code);
    }

    [Fact]
    public async Task Disconnect_DoesNotAskWhoIsPresent_GivenANewerConnection()
    {
        bus.PublishAsync(default, null!, Cancellation).ReturnsForAnyArgs(PublishResult.To(1));

        await Remove(supersededBy: "i-1");

        Assert.Empty(presence.ReceivedCalls());
    }

    [Theory]
    [InlineData("")]
    [InlineData("boss")]
    [InlineData("Worker")]
    public async Task GetRoster_IsRejected_GivenARoleThatThereIsNot(string role)
    {
        Members(Some.Group, Worker with { Role = Role.None });
        var time = new FakeTimeProvider();
        var messages = new ServerMessages(time);
        using var pacing = new AnswerPacing(time);
        var handler = new GetRosterHandler(
            Substitute.For<IMediator>(), new StateUpdates(presence, bus, messages, time), pacing, messages);
        var question = Some.Message with { Payload = Encoding.UTF8.GetBytes($$"""{"role":"{{role}}"}""") };

        var outcome = await handler.Handle(new GetRoster(Some.Sender(), question), Cancellation);

        Assert.Equal(
            (ErrorCode.InvalidMessage, "payload"), (outcome.Rejection!.Code, outcome.Rejection.Field));
    }

    private void Members(VisionId group, params Member[] members) =>
        presence.GetMembersAsync(group, Arg.Any<CancellationToken>()).Returns(members);

    private Task<Answer<RosterReply>> Handle(ReadRoster query) =>
        new ReadRosterHandler(presence).Handle(query, Cancellation);

    private Task<Answer<Member>> Handle(ReadClient query) =>
        new ReadClientHandler(presence).Handle(query, Cancellation);

    private Task<Answer<int>> Handle(CountClients query) =>
        new CountClientsHandler(presence).Handle(query, Cancellation);

    private Task<Outcome> Remove(string? supersededBy = null) =>
        new DisconnectHandler(bus, presence, new ServerMessages(new FakeTimeProvider()))
            .Handle(new Disconnect(Some.Group, Some.Client, supersededBy), Cancellation);
}
