using System.Text;
using System.Text.Json;
using Aether.Application;
using Aether.Application.Ports;
using Aether.Application.Presence;
using Aether.Application.Wire;
using Aether.Domain;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>That a client which says much of itself is told seldom in a large group, and its last word always.</summary>
public sealed class StateUpdatesTests
{
    private readonly FakeTimeProvider time = new();
    private readonly IPresenceStore presence = Substitute.For<IPresenceStore>();
    private readonly List<string> kept = [];
    private readonly List<string> told = [];
    private readonly StateUpdates updates;
    private int members = 5_000;

    public StateUpdatesTests()
    {
        presence.UpdateStateAsync(default, default, default, default).ReturnsForAnyArgs(call =>
        {
            var state = call.Arg<ReadOnlyMemory<byte>>();
            kept.Add(Encoding.UTF8.GetString(state.Span));
            var member = new Member(Some.Client, Role.Worker, state, 1, DateTime.UnixEpoch, DateTime.UnixEpoch);
            return new PresenceChange(PresenceTransition.None, member, members);
        });
        var bus = new FakeBus((message, _) =>
        {
            using var payload = JsonDocument.Parse(message.Payload);
            told.Add(payload.RootElement.GetProperty("state").GetRawText());
            return new(PublishResult.To(2));
        });
        updates = new StateUpdates(presence, bus, new ServerMessages(time), time);
    }

    [Fact]
    public async Task SetAsync_FirstAndLastAreTold_GivenAThousandAtOnceInALargeGroup()
    {
        var outcomes = Enumerable.Range(0, 1_000).Select(i => Say(i)).ToArray();

        Assert.Equal(["""{"n":0}"""], told);
        var settled = updates.KeptAsync(Some.Group, Some.Client);
        Assert.False(settled.IsCompleted);
        Assert.Equal(999, outcomes.Count(outcome => outcome.IsCompleted));
        time.Advance(TimeSpan.FromMilliseconds(249));
        Assert.Single(told);
        time.Advance(TimeSpan.FromMilliseconds(1));
        await settled;

        Assert.Equal(["""{"n":0}""", """{"n":999}"""], told);
        Assert.Equal(told, kept);
        await Task.WhenAll(outcomes);
        // And then it is as before.
        time.Advance(TimeSpan.FromMilliseconds(250));
        await Say(5);
        Assert.Equal("""{"n":5}""", told[^1]);
    }

    [Fact]
    public async Task SetAsync_AllThatAskAreAnsweredWithWhatCoversThem()
    {
        var first = Say(0, answered: true);
        var overtaken = Say(1, answered: true);
        var unasked = Say(2);
        var last = Say(3, answered: true);
        Assert.Equal(2, (await first).Instances);
        Assert.Same(Outcome.Done, await unasked);
        Assert.False(overtaken.IsCompleted);

        time.Advance(TimeSpan.FromMilliseconds(250));

        Assert.Equal((2, 2), ((await overtaken).Instances, (await last).Instances));
        Assert.Equal(2, told.Count);
    }

    [Fact]
    public async Task SetAsync_EachIsTold_GivenASmallGroup()
    {
        members = 5;
        for (int i = 0; i < 50; i++)
            await Say(i);

        Assert.Equal(50, told.Count);
    }

    [Fact]
    public async Task SetAsync_OthersAreNotHeldUp_GivenOneThatSaysMuch()
    {
        for (int i = 0; i < 10; i++)
            _ = Say(i);

        await updates.SetAsync(Some.Group, Some.OtherClient, "{}"u8.ToArray(), answered: true);
        Assert.True(updates.KeptAsync(Some.Group, Some.OtherClient).IsCompleted);
    }

    [Fact]
    public async Task Forget_WhatWaitsIsNotTold_GivenAClientThatWent()
    {
        await Say(0);
        var waits = Say(1, answered: true);
        updates.Forget(Some.Group, Some.Client);

        Assert.Same(Outcome.Done, await waits);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Single(kept);
        Assert.True(updates.KeptAsync(Some.Group, Some.Client).IsCompleted);
        await Say(2);
        Assert.Equal(2, kept.Count);
    }

    [Fact]
    public async Task SetAsync_FailureIsToldAndTheNextGoesOn()
    {
        var cancellation = TestContext.Current.CancellationToken;
        presence.UpdateStateAsync(default, default, default, cancellation).ReturnsForAnyArgs(
            _ => new PresenceChange(PresenceTransition.Unavailable, null),
            _ => throw new InvalidOperationException("a bug"),
            _ => new PresenceChange(PresenceTransition.None, null));

        Assert.Same(ErrorCode.BackplaneUnavailable, (await Say(0)).Rejection?.Code);
        await Assert.ThrowsAsync<InvalidOperationException>(() => Say(1));
        Assert.Same(Outcome.Done, await Say(2));
        Assert.Empty(told);
    }

    private Task<Outcome> Say(int n, bool answered = false) =>
        updates.SetAsync(Some.Group, Some.Client, Encoding.UTF8.GetBytes($$"""{"n":{{n}}}"""), answered);
}
