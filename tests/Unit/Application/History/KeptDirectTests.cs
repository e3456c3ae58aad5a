using Aether.Application;
using Aether.Application.History;
using Aether.Application.Messaging;
using Aether.Application.Ports;
using Aether.Application.Presence;
using Aether.Domain;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>
/// Direct messages that are kept: their receiver is asked for first, and whatever waits for the answer keeps the order.
/// </summary>
public sealed class KeptDirectTests
{
    private readonly FakeHistory history = new();
    private readonly IPresenceStore presence = Substitute.For<IPresenceStore>();
    private readonly DirectMessages direct;

    public KeptDirectTests()
    {
        var recipients = new Recipients(presence, new FakeTimeProvider());
        // What is not kept, and what is, in one line: as the backplane would have it.
        var bus = new FakeBus((message, _) =>
        {
            history.Appended.Enqueue(message);
            return new(PublishResult.To(1));
        });
        direct = new DirectMessages(
            bus, recipients, new KeptDirect(new KeptMessages(history), recipients, new SendOrder()));
        Answer(new ValueTask<ClientPlaces>(ClientPlaces.On(1)));
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private IEnumerable<string?> Published => history.Appended.Select(message => message.Msg);

    [Fact]
    public async Task Present_IsKept_WithThePositionAndNoMoreInstancesThanTheGroupHas()
    {
        history.OnAppend = (channel, message) =>
            new(new KeepResult(KeepStatus.Published, 3, history.Keep(channel, message).Position));

        var outcome = await SendAsync("here");

        Assert.Equal((1, new Position("e1", 1), null), (outcome.Instances, outcome.Position, outcome.Rejection));
    }

    [Fact]
    public async Task Absent_IsNotKept_SoThatNothingArrivesLaterThatWasCalledUndelivered()
    {
        Answer(new ValueTask<ClientPlaces>(ClientPlaces.On(0)));

        Assert.Same(ErrorCode.RecipientOffline, (await SendAsync("gone")).Rejection?.Code);
        Assert.Empty(history.Appended);
    }

    [Fact]
    public async Task Absent_IsADuplicate_GivenThatItWasKeptWhileItsReceiverWasThere()
    {
        Answer(new ValueTask<ClientPlaces>(ClientPlaces.On(0)));
        history.Found = new KeepResult(KeepStatus.Duplicate, 0, new Position("e1", 7));

        var outcome = await SendAsync("again");

        Assert.Equal((true, new Position("e1", 7)), (outcome.IsDuplicate, outcome.Position));
        Assert.Empty(history.Appended);
    }

    [Fact]
    public async Task Nothing_IsKept_GivenThatNobodyKnowsWhetherTheReceiverIsThere()
    {
        Answer(new ValueTask<ClientPlaces>(ClientPlaces.Unavailable));

        Assert.Same(ErrorCode.BackplaneUnavailable, (await SendAsync("x")).Rejection?.Code);
        Assert.Empty(history.Appended);
    }

    [Theory]
    [InlineData(MessageType.Cmd)]
    [InlineData(MessageType.Msg)]
    public async Task Later_WaitsForTheOneBefore_WhetherItIsKeptOrNot(MessageType type)
    {
        var answer = new TaskCompletionSource<ClientPlaces>();
        Answer(new ValueTask<ClientPlaces>(answer.Task));
        var first = SendAsync("1");
        var second = SendAsync("2", type);
        var third = SendAsync("3");
        Assert.Empty(history.Appended);

        answer.SetResult(ClientPlaces.On(1));
        await Task.WhenAll(first, second, third);

        Assert.Equal(["1", "2", "3"], Published);
    }

    [Fact]
    public async Task Later_GoesOn_GivenThatTheOneBeforeFails()
    {
        var answer = new TaskCompletionSource<ClientPlaces>();
        Answer(new ValueTask<ClientPlaces>(answer.Task));
        history.OnAppend = (channel, message) => message.Msg == "1"
            ? throw new InvalidOperationException("a bug")
            : new(new KeepResult(KeepStatus.Published, 1, history.Keep(channel, message).Position));
        var first = SendAsync("1");
        var second = SendAsync("2");

        answer.SetResult(ClientPlaces.On(1));

        await Assert.ThrowsAsync<InvalidOperationException>(() => first);
        Assert.Equal(1, (await second).Position.Seq);
    }

    [Fact]
    public async Task Others_DoNotWait_ForAReceiverThatIsBeingLookedFor()
    {
        Answer(new ValueTask<ClientPlaces>(new TaskCompletionSource<ClientPlaces>().Task));
        _ = SendAsync("1");
        Answer(new ValueTask<ClientPlaces>(ClientPlaces.On(1)));

        await SendAsync("2", to: Some.Client);

        Assert.Equal(["2"], Published);
    }

#pragma warning disable CA2012 // It is called to say what it returns.
    private void Answer(ValueTask<ClientPlaces> answer) =>
        presence.FindAsync(default, default, Cancellation).ReturnsForAnyArgs(answer);
#pragma warning restore CA2012

    private Task<Outcome> SendAsync(string text, MessageType type = MessageType.Cmd, VisionId? to = null) =>
        direct.SendAsync(
            Some.Sender(),
            Some.Message with
            {
                Type = type,
                Target = Target.Direct,
                ToId = to ?? Some.OtherClient,
                Cmd = type == MessageType.Cmd ? "go" : null,
                Msg = text,
                Id = text,
            },
            Cancellation);
}
