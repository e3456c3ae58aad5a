using Aether.Application;
using Aether.Application.Messaging;
using Aether.Application.Pipeline;
using Aether.Application.Ports;
using Aether.Application.Presence;
using Aether.Application.Wire;
using Aether.Domain;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>
/// Whether a direct message reached its recipient is told by who is in the message's group, not by who hears the
/// recipient's channel in whichever group.
/// </summary>
public sealed class RecipientsTests
{
    private readonly IMessageBus bus = Substitute.For<IMessageBus>();
    private readonly FakeTimeProvider time = new();
    private readonly Store store = new();
    private readonly Recipients recipients;
    private readonly PresenceListener listener;

    public RecipientsTests()
    {
        recipients = new Recipients(store, time);
        listener = new PresenceListener(
            new PresenceAnnouncer(bus, new ServerMessages(time), time), Substitute.For<IPresenceStore>(), recipients);
        Heard(1);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(0, 0, null)]
    [InlineData(1, 0, null)]
    [InlineData(0, 1, null)]
    [InlineData(1, 1, 1)]
    [InlineData(3, 1, 1)]
    [InlineData(3, 2, 2)]
    [InlineData(1, 2, 1)]
    public async Task Send_CountsTheInstancesOfTheGroup_AndNoMoreThanHeard(int heard, int there, int? expected)
    {
        Heard(heard);
        store.Answer = ClientPlaces.On(there);

        foreach (var sender in (Sender[])[Some.Sender(), Sender.Host])
        {
            var outcome = await Send(sender);
            Assert.Equal(expected ?? 0, outcome.Instances);
            Assert.Equal(expected is null ? ErrorCode.RecipientOffline : null, outcome.Rejection?.Code);
        }
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, true)]
    [InlineData(2, true)]
    public async Task Send_TakesAMemberOfAnotherImplementation_AsOnOneInstance(int heard, bool reached)
    {
        Heard(heard);
        store.Answer = new ClientPlaces(PlacesKnown.Known, 0, Elsewhere: true);

        Assert.Equal(reached ? 1 : 0, (await Send()).Instances);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Send_TellsNothing_GivenThatTheStoreCannotBeReached(int heard)
    {
        Heard(heard);
        store.Answer = ClientPlaces.Unavailable;

        Assert.Same(ErrorCode.BackplaneUnavailable, (await Send()).Rejection?.Code);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Send_AsksTheStoreInAnyCase_SoThatTheTimeTellsNothing(int heard)
    {
        Heard(heard);
        store.Answer = ClientPlaces.On(0);

        for (int i = 1; i <= 3; i++)
        {
            await Send();
            Assert.Equal(i, store.Asked);
        }
    }

    [Fact]
    public async Task Send_AsksNobody_GivenAMessageThatNobodyWaitsFor()
    {
        await Handle(Some.Sender(), Message() with { Id = null });

        Assert.Equal(0, store.Asked);
    }

    [Fact]
    public async Task Send_PublishesFirst_AndWaitsForNothingInBetween()
    {
        var published = new TaskCompletionSource<PublishResult>();
        var messages = new List<Message>();
        var slow = new FakeBus((message, _) =>
        {
            Assert.Equal(0, store.Asked);
            messages.Add(message);
            return new ValueTask<PublishResult>(published.Task);
        });
        store.Hold();

        var sending = new DirectMessages(slow, recipients).SendAsync(Some.Sender(), Message(), Cancellation);

        Assert.Single(messages);
        Assert.Equal(1, store.Asked);
        Assert.False(sending.IsCompleted);
        published.SetResult(PublishResult.To(1));
        Assert.False(sending.IsCompleted);
        store.Release(ClientPlaces.On(1));
        Assert.Equal(1, (await sending).Instances);
    }

    [Fact]
    public async Task Send_AsksOnce_GivenManyMessagesToOneClientInTheSendersGroup()
    {
        for (int i = 0; i < 100; i++)
            Assert.Equal(1, (await Send()).Instances);
        Assert.Equal(1, store.Asked);

        time.Advance(Recipients.KeptFor);
        await Send();
        Assert.Equal(2, store.Asked);
    }

    [Fact]
    public async Task Send_AsksOnce_GivenManyMessagesBeforeTheFirstAnswer()
    {
        store.Hold();
        var sends = Enumerable.Range(0, 50).Select(_ => Send()).ToList();

        store.Release(ClientPlaces.On(1));

        Assert.All(await Task.WhenAll(sends), outcome => Assert.Equal(1, outcome.Instances));
        Assert.Equal(1, store.Asked);
    }

    [Theory]
    [InlineData("group")]
    [InlineData("host")]
    public async Task Send_AsksEachTime_GivenAGroupThatMayNotBeHeardHere(string which)
    {
        var sender = which == "host" ? Sender.Host : Some.Sender(Permissions.CrossGroup);
        var message = Message() with { GroupId = which == "host" ? Some.Group : Some.OtherGroup };
        for (int i = 1; i <= 3; i++)
        {
            await Handle(sender, message);
            Assert.Equal(i, store.Asked);
        }
    }

    [Theory]
    [InlineData("leave")]
    [InlineData("join")]
    [InlineData("changes")]
    public async Task Send_AsksAnew_GivenThatTheGroupWasToldOfTheClient(string cmd)
    {
        await Send();
        store.Answer = ClientPlaces.On(0);

        Tell(cmd, Some.OtherClient);

        Assert.Same(ErrorCode.RecipientOffline, (await Send()).Rejection?.Code);
    }

    [Fact]
    public async Task Send_AsksAnew_GivenThatTheGroupWasToldWhileTheStoreWasAsked()
    {
        store.Hold();
        var before = Send();
        Tell("leave", Some.OtherClient);
        store.Release(ClientPlaces.On(1));
        Assert.Equal(1, (await before).Instances);
        store.Answer = ClientPlaces.On(0);

        Assert.Same(ErrorCode.RecipientOffline, (await Send()).Rejection?.Code);
    }

    [Theory]
    [InlineData("leave")]
    [InlineData("changes")]
    public async Task Send_AsksAnew_GivenThatTheGroupWasToldWhileTheMessageWasOnItsWay(string cmd)
    {
        await Send();
        var published = new TaskCompletionSource<PublishResult>();
        var slow = new FakeBus((_, _) => new ValueTask<PublishResult>(published.Task));
        var sending = new DirectMessages(slow, recipients).SendAsync(Some.Sender(), Message(), Cancellation);
        store.Answer = ClientPlaces.On(0);

        Tell(cmd, Some.OtherClient);
        published.SetResult(PublishResult.To(1));

        Assert.Same(ErrorCode.RecipientOffline, (await sending).Rejection?.Code);
    }

    [Fact]
    public async Task Send_AsksAnew_GivenThatAnotherNumberOfInstancesHearsTheClient()
    {
        await Send();
        store.Answer = ClientPlaces.On(2);
        Heard(2);

        Assert.Equal(2, (await Send()).Instances);
        Heard(1);
        store.Answer = ClientPlaces.On(1);
        Assert.Equal(1, (await Send()).Instances);
    }

    [Fact]
    public async Task Send_DoesNotAskAnew_GivenThatTheGroupWasToldOfSomebodyElse()
    {
        await Send();
        Tell("leave", Some.Client);
        Tell("update", Some.OtherClient);
        await Send();
        Assert.Equal(1, store.Asked);
    }

    [Fact]
    public void Stores_AnswerThemselves_AndNeverByWhatThePortDoesWithoutThem()
    {
        // A store in front of another one that forgot to pass the question on would quietly tell of all groups.
        Type[] stores =
        [
            .. new[] { typeof(IPresenceStore).Assembly, typeof(Infrastructure.DependencyInjection).Assembly }
                .SelectMany(assembly => assembly.GetTypes())
                .Where(type => type.IsClass && type.IsAssignableTo(typeof(IPresenceStore))),
        ];
        Assert.NotEmpty(stores);
        Assert.All(stores, store => Assert.All(
            store.GetInterfaceMap(typeof(IPresenceStore)).TargetMethods,
            method => Assert.False(
                method.DeclaringType == typeof(IPresenceStore) && method.Name == nameof(IPresenceStore.FindAsync),
                store.Name)));
    }

    private static Message Message() => Some.Message with
    {
        Target = Target.Direct,
        ToId = Some.OtherClient,
        Id = "m1",
    };

    private void Heard(int instances) =>
        bus.PublishAsync(default, null!, Cancellation).ReturnsForAnyArgs(PublishResult.To(instances));

    private void Tell(string cmd, VisionId client) => listener.Hear(Some.Group, Some.Message with
    {
        Type = MessageType.Presence,
        FromId = cmd == "changes" ? VisionId.Server : client,
        Cmd = cmd,
    });

    private Task<Outcome> Send(Sender? sender = null) => Handle(sender ?? Some.Sender(), Message());

    private Task<Outcome> Handle(Sender sender, Message message) =>
        new DirectMessages(bus, recipients).SendAsync(sender, message, Cancellation);

    /// <summary>A store that answers later, as one over a network does.</summary>
    private sealed class Store : IPresenceStore
    {
        private TaskCompletionSource<ClientPlaces>? held;

        public int Asked { get; private set; }

        public ClientPlaces Answer { get; set; } = ClientPlaces.On(1);

        public bool IsReady => true;

        public void Hold() => held = new TaskCompletionSource<ClientPlaces>();

        public void Release(ClientPlaces answer)
        {
            var waiting = held!;
            held = null;
            waiting.SetResult(answer);
        }

        public async ValueTask<ClientPlaces> FindAsync(
            VisionId group, VisionId client, CancellationToken cancellationToken)
        {
            Asked++;
            if (held is { } later)
                return await later.Task;
            var answer = Answer;
            // As one that is asked over the network: never before the caller has looked whether it is there.
            await Task.Delay(20, CancellationToken.None);
            return answer;
        }

        public Task<PresenceChange> JoinAsync(
            VisionId group, VisionId client, Role role, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<PresenceChange> LeaveAsync(
            VisionId group, VisionId client, Role role, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<PresenceChange> UpdateStateAsync(
            VisionId group, VisionId client, ReadOnlyMemory<byte> state, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public void Touch(VisionId group, VisionId client) => throw new NotSupportedException();

        public Task<IReadOnlyList<Member>?> GetMembersAsync(VisionId group, CancellationToken cancellationToken) =>
            throw new NotSupportedException();
    }
}
