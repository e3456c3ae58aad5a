using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Aether.Application;
using Aether.Application.Commands;
using Aether.Application.Instrumentation;
using Aether.Application.Legacy;
using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Domain;
using Aether.Domain.Commands;
using Aether.Infrastructure.InMemory;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using NSubstitute.ExceptionExtensions;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>
/// All in one class: its tests run one after the other, and nobody else listens to the activity source meanwhile.
/// </summary>
public sealed class InstrumentationTests : IDisposable
{
    private const int Publishes = 1_000;

    // A debug build makes an object of an async method's state, and no other allocation is allowed there either.
#if DEBUG
    private const long DebugState = 160;
#else
    private const long DebugState = 0;
#endif

    private const string Secret = "xSECRETx";

    private static readonly Message Message = Some.Message with { Payload = "{\"k\":\"xSECRETx\"}"u8.ToArray() };

    private readonly RealtimeMetrics metrics = new();
    private readonly FakeTimeProvider time = new();
    private readonly IMessageBus bus = Substitute.For<IMessageBus>();
    private readonly IPresenceStore presence = Substitute.For<IPresenceStore>();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<object, string> Channels => new()
    {
        { ChannelName.Broadcast, "broadcast" },
        { ChannelName.Group(Some.Group), "group" },
        { ChannelName.Client(Some.Client), "direct" },
    };

    public void Dispose() => metrics.Dispose();

    [Theory]
    [MemberData(nameof(Channels), DisableDiscoveryEnumeration = true)]
    public async Task Publish_IsCountedAndTimed_GivenEachChannel(object channel, string target)
    {
        using var listener = new Measurements(metrics);
        var answer = new TaskCompletionSource<PublishResult>();
        var publishing = Bus((_, _) => new(answer.Task)).PublishAsync((ChannelName)channel, Message, Cancellation);

        time.Advance(TimeSpan.FromMilliseconds(250));
        answer.SetResult(PublishResult.To(2));
        Assert.Equal(PublishResult.To(2), await publishing);

        Assert.Equal(
            [
                $"aether.messages.published 1 outcome=published target={target}",
                $"aether.publish.duration 0.25 target={target}",
            ],
            listener.All);
    }

    [Fact]
    public async Task Publish_TellsHowItEnded_GivenEachEnd()
    {
        using var listener = new Measurements(metrics);
        using var activities = new Activities();
        PublishResult[] answers = [PublishResult.To(1), PublishResult.To(0), PublishResult.Unavailable];
        foreach (var answer in answers)
            Assert.Equal(answer, await Publish((_, _) => new(answer)));
        // Thrown where it is called, and thrown where it is awaited.
        await Assert.ThrowsAsync<InvalidOperationException>(
            () => Publish((_, _) => throw new InvalidOperationException(Secret)).AsTask());
        var failed = Task.FromException<PublishResult>(new InvalidOperationException(Secret));
        await Assert.ThrowsAsync<InvalidOperationException>(() => Publish((_, _) => new(failed)).AsTask());
        var canceled = Task.FromCanceled<PublishResult>(new CancellationToken(canceled: true));
        await Assert.ThrowsAsync<TaskCanceledException>(() => Publish((_, _) => new(canceled)).AsTask());

        string[] outcomes = ["published", "unheard", "unavailable", "failed", "failed", "canceled"];
        Assert.Equal(
            outcomes.Select(outcome => $"aether.messages.published 1 outcome={outcome} target=group"),
            listener.Of("aether.messages.published"));
        Assert.Equal(outcomes, activities.Stopped.Select(activity => (string?)activity.GetTagItem("aether.outcome")));
        Assert.Equal(
            outcomes.Select(o => o is "unavailable" or "failed" ? ActivityStatusCode.Error : ActivityStatusCode.Unset),
            activities.Stopped.Select(activity => activity.Status));
    }

    [Fact]
    public async Task Leases_AreCounted_WhenTheyChangeHands_AndWhenSomebodyIsRefused()
    {
        using var listener = new Measurements(metrics);
        var inner = Substitute.For<ILeaseStore>();
        var store = new InstrumentedLeaseStore(inner, metrics);
        var claim = new LeaseClaim(Some.Client, 1);
        var changed = new LeaseResult(LeaseStatus.Done, null, HasNewHolder: true);
        foreach (var answer in (LeaseResult[])[changed, changed with { HasNewHolder = false }, new(LeaseStatus.Stale, null)])
        {
            inner.AcquireAsync(default, default, default, default, Cancellation).ReturnsForAnyArgs(answer);
            inner.RenewAsync(default, default, default, Cancellation).ReturnsForAnyArgs(answer with { HasNewHolder = false });
            inner.ReleaseAsync(default, default, default, Cancellation).ReturnsForAnyArgs(answer);
            inner.TakeAwayAsync(default, default, Cancellation).ReturnsForAnyArgs(answer);
            Assert.Equal(answer, await store.AcquireAsync(Some.Group, Some.Client, Some.Client, default, Cancellation));
            await store.RenewAsync(Some.Group, claim, Some.Client, Cancellation);
            await store.ReleaseAsync(Some.Group, claim, Some.Client, Cancellation);
            await store.TakeAwayAsync(Some.Group, Some.Client, Cancellation);
            inner.EndAsync(default, Cancellation).ReturnsForAnyArgs(new LeaseEnds(answer == changed ? 3 : 0, null));
            await store.EndAsync(10, Cancellation);
        }
        Assert.Equal(PublishResult.StaleTerm, await Publish((_, _) => new(PublishResult.StaleTerm)));

        Assert.Equal(
            [
                "aether.lease.changes 1 change=acquired", "aether.lease.changes 1 change=released",
                "aether.lease.changes 1 change=taken", "aether.lease.changes 3 change=ended",
            ],
            listener.Of("aether.lease.changes"));
        Assert.Equal(
            [
                "aether.lease.stale 1 operation=acquire", "aether.lease.stale 1 operation=renew",
                "aether.lease.stale 1 operation=release", "aether.lease.stale 1 operation=take",
                "aether.lease.stale 1 operation=message",
            ],
            listener.Of("aether.lease.stale"));
        Assert.Equal(
            ["aether.messages.published 1 outcome=stale_term target=group"], listener.Of("aether.messages.published"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Command_IsCountedAsEnded_WhateverNoticesItsDeadlineFirst(bool isReport)
    {
        using var measured = new Measurements(metrics);
        var store = new InMemoryCommandStore(new InMemoryLeaseStore(time), new CommandOptions(), time);
        using var watches = new CommandWatches(store, time);
        var runner = new CommandRunner(
            store,
            new FakeBus((_, _) =>
            {
                time.Advance(TimeSpan.FromMinutes(2));
                return new(PublishResult.To(1));
            }),
            new ServerMessages(time),
            watches,
            time,
            metrics);
        var order = new CommandOrder
        {
            Id = "c1",
            GroupId = Some.Group,
            FromId = Some.Client,
            Cmd = "x",
            Payload = "{}"u8.ToArray(),
            Plan = new CommandPlan(),
        };
        var started = await store.StartAsync(order, [Some.OtherClient], Cancellation);
        if (isReport)
        {
            time.Advance(TimeSpan.FromMinutes(2));
            var report = new ExecutionReport
            {
                Index = 0,
                Member = Some.OtherClient,
                By = "i1/1",
                Attempt = 1,
                Status = ExecutionStatus.Succeeded,
            };
            await runner.ApplyAsync(Some.Group, "c1", new MemberReported(report), Cancellation);
        }
        else
        {
            await runner.DoAsync(started.Command!, started.Effects);
        }
        await runner.ApplyAsync(Some.Group, "c1", new CancelAsked(), Cancellation);

        Assert.Equal(["aether.commands.ended 1 status=failed"], measured.Of("aether.commands.ended"));
    }

    [Fact]
    public async Task Commands_AreTimed_WhenTheyAreTaken_AndWhenTimeDoesWhatIsDue()
    {
        using var listener = new Measurements(metrics);
        var store = new InMemoryCommandStore(new InMemoryLeaseStore(time), new CommandOptions(), time);
        using var watches = new CommandWatches(store, time);
        var runner = new CommandRunner(
            store, new FakeBus((_, _) => new(PublishResult.To(1))), new ServerMessages(time), watches, time, metrics);
        var order = new CommandOrder
        {
            Id = "c1",
            GroupId = Some.Group,
            FromId = Some.Client,
            Cmd = Secret,
            Payload = "{}"u8.ToArray(),
            Plan = new CommandPlan { InProgressTimeout = TimeSpan.FromSeconds(2) },
        };
        await store.StartAsync(order, [Some.Client], Cancellation);
        time.Advance(TimeSpan.FromMilliseconds(1_500));
        await SayAsync();
        time.Advance(TimeSpan.FromMilliseconds(500));
        await SayAsync();
        time.Advance(TimeSpan.FromMilliseconds(2_250));
        await runner.PassTimeAsync(10);
        await runner.PassTimeAsync(10);

        Assert.Equal(
            [
                "aether.execution.take.duration 1.5",
                "aether.command.due.lag 0.25",
                "aether.commands.ended 1 status=failed",
                "aether.command.duration 4.25 status=failed",
                "aether.executions.ended 1 status=timed_out",
            ],
            listener.All);

        async Task SayAsync() => await runner.ApplyAsync(
            Some.Group,
            "c1",
            new MemberReported(new ExecutionReport
            {
                Index = 0,
                Member = Some.Client,
                By = "x",
                Attempt = 1,
                Status = ExecutionStatus.InProgress,
            }),
            Cancellation);
    }

    [Fact]
    public async Task Publish_IsTraced_WithNothingOfTheMessage()
    {
        using var activities = new Activities();
        await Publish((_, _) => new(PublishResult.To(1)));
        await Assert.ThrowsAsync<InvalidOperationException>(
            () => Publish((_, _) => throw new InvalidOperationException(Secret)).AsTask());

        Assert.Equal(2, activities.Stopped.Count);
        Assert.All(activities.Stopped, activity =>
        {
            Assert.Equal(("aether.publish", ActivityKind.Producer), (activity.OperationName, activity.Kind));
            Assert.Equal("group", activity.GetTagItem("aether.target"));
            string told = activity.StatusDescription + activity.DisplayName + string.Join(' ', activity.TagObjects);
            Assert.DoesNotContain(Secret, told, StringComparison.Ordinal);
            Assert.Empty(activity.Events);
        });
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Publish_ReachesTheBusBeforeItReturns_SoThatOrderHolds(bool listened)
    {
        using var listener = listened ? new Measurements(metrics) : null;
        using var activities = listened ? new Activities() : null;
        var answer = new TaskCompletionSource<PublishResult>();
        var published = new List<string?>();
        var watched = Bus((message, _) =>
        {
            published.Add(message.Id);
            return new(answer.Task);
        });
        var ambient = Activity.Current;

        var publishing = Enumerable.Range(0, 10)
            .Select(i => Message with { Id = $"{i}" })
            .Select(message => watched.PublishAsync(ChannelName.Broadcast, message, Cancellation).AsTask())
            .ToList();

        Assert.Equal(Enumerable.Range(0, 10).Select(i => $"{i}"), published);
        // One publish must not become the parent of the next.
        Assert.Same(ambient, Activity.Current);
        answer.SetResult(PublishResult.To(1));
        await Task.WhenAll(publishing);
    }

    [Fact]
    public void Publish_AllocatesNothing_GivenThatNobodyListens()
    {
        Assert.Equal(0, AllocatedByPublishing(Bus((_, _) => new(PublishResult.To(1)))));
    }

    [Fact]
    public void Publish_AllocatesNothing_GivenThatOnlyMetricsAreRead()
    {
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Meter == metrics.Meter)
                self.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>(static (_, _, _, _) => { });
        listener.SetMeasurementEventCallback<double>(static (_, _, _, _) => { });
        listener.Start();
        Assert.True(metrics.WatchesPublishing);
        Assert.InRange(AllocatedByPublishing(Bus((_, _) => new(PublishResult.To(1)))) / Publishes, 0, DebugState);
    }

    [Fact]
    public async Task Subscriptions_AreCounted_GivenEachEnd()
    {
        using var listener = new Measurements(metrics);
        using var activities = new Activities();
        var sink = Substitute.For<IMessageSink>();
        var channel = ChannelName.Group(Some.Group);
        var watched = new InstrumentedMessageBus(bus, metrics, time);
        bus.SubscribeAsync(channel, sink, Cancellation).Returns(true, false);

        Assert.True(await watched.SubscribeAsync(channel, sink, Cancellation));
        Assert.False(await watched.SubscribeAsync(channel, sink, Cancellation));
        await watched.UnsubscribeAsync(channel, Cancellation);

        await bus.Received(2).SubscribeAsync(channel, sink, Cancellation);
        await bus.Received(1).UnsubscribeAsync(channel, Cancellation);
        Assert.Equal(
            [
                "aether.subscription.changes 1 operation=subscribe outcome=ok",
                "aether.subscription.changes 1 operation=subscribe outcome=unavailable",
                "aether.subscription.changes 1 operation=unsubscribe outcome=ok",
            ],
            listener.All);
        Assert.Equal(
            ["aether.subscribe", "aether.subscribe", "aether.unsubscribe"],
            activities.Stopped.Select(activity => activity.OperationName));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Calls_ReachTheStoreAndItsAnswersComeBack_GivenEachCall(bool listened)
    {
        using var listener = listened ? new Measurements(metrics) : null;
        using var activities = listened ? new Activities() : null;
        var (group, client) = (Some.Group, Some.Client);
        var watched = new InstrumentedPresenceStore(presence, metrics, time);
        ReadOnlyMemory<byte> state = "{}"u8.ToArray();
        var came = new PresenceChange(PresenceTransition.Came, null);
        var went = new PresenceChange(PresenceTransition.Went, null);
        var none = new PresenceChange(PresenceTransition.None, null);
        IReadOnlyList<Member> members = [];
        presence.JoinAsync(group, client, Role.Worker, Cancellation).Returns(came);
        presence.LeaveAsync(group, client, Role.Worker, Cancellation).Returns(went);
        presence.UpdateStateAsync(group, client, state, Cancellation).Returns(none);
        presence.GetMembersAsync(group, Cancellation).Returns(members);
        presence.IsReady.Returns(true);

        Assert.Equal(came, await watched.JoinAsync(group, client, Role.Worker, Cancellation));
        Assert.Equal(went, await watched.LeaveAsync(group, client, Role.Worker, Cancellation));
        Assert.Equal(none, await watched.UpdateStateAsync(group, client, state, Cancellation));
        Assert.Same(members, await watched.GetMembersAsync(group, Cancellation));
        watched.Touch(group, client);
        presence.Received(1).Touch(group, client);
        Assert.True(watched.IsReady);

        if (!listened)
            return;
        Assert.Equal(
            [
                "aether.presence.duration 0 operation=join outcome=ok",
                "aether.presence.transitions 1 transition=came",
                "aether.presence.duration 0 operation=leave outcome=ok",
                "aether.presence.transitions 1 transition=went",
                "aether.presence.duration 0 operation=update outcome=ok",
                "aether.presence.duration 0 operation=members outcome=ok",
            ],
            listener!.All);
        Assert.Equal(
            ["aether.presence.join", "aether.presence.leave", "aether.presence.update", "aether.presence.members"],
            activities!.Stopped.Select(activity => activity.OperationName));
    }

    [Fact]
    public async Task Calls_TellHowTheyEnded_GivenThatTheStoreFails()
    {
        using var listener = new Measurements(metrics);
        var watched = new InstrumentedPresenceStore(presence, metrics, time);
        presence.JoinAsync(default, default, default, Arg.Any<CancellationToken>())
            .ReturnsForAnyArgs(new PresenceChange(PresenceTransition.Unavailable, null));
        presence.LeaveAsync(default, default, default, Arg.Any<CancellationToken>())
            .ThrowsAsyncForAnyArgs(new InvalidOperationException(Secret));
        presence.GetMembersAsync(default, Arg.Any<CancellationToken>())
            .ReturnsForAnyArgs((IReadOnlyList<Member>?)null);

        await watched.JoinAsync(Some.Group, Some.Client, Role.None, Cancellation);
        await Assert.ThrowsAsync<InvalidOperationException>(
            () => watched.LeaveAsync(Some.Group, Some.Client, Role.Worker, Cancellation));
        Assert.Null(await watched.GetMembersAsync(Some.Group, Cancellation));

        Assert.Equal(
            [
                "aether.presence.duration 0 operation=join outcome=unavailable",
                "aether.presence.duration 0 operation=leave outcome=failed",
                "aether.presence.duration 0 operation=members outcome=unavailable",
            ],
            listener.All);
    }

    [Fact]
    public void AddAetherInstrumentation_WrapsThePorts_OnceHoweverOftenItIsCalled()
    {
        using var provider = new ServiceCollection()
            .AddAetherApplication()
            .AddSingleton(bus)
            .AddSingleton(presence)
            .AddSingleton(Substitute.For<ILegacyBus>())
            .AddSingleton(Substitute.For<ICommandStore>())
            .AddSingleton(Substitute.For<ILeaseStore>())
            .AddAetherInstrumentation()
            .AddAetherInstrumentation()
            .BuildServiceProvider(new ServiceProviderOptions { ValidateOnBuild = true, ValidateScopes = true });
        using var listener = new Measurements(provider.GetRequiredService<RealtimeMetrics>());

        _ = Assert.IsType<InstrumentedMessageBus>(provider.GetRequiredService<IMessageBus>())
            .UnsubscribeAsync(ChannelName.Broadcast, Cancellation);
        _ = Assert.IsType<InstrumentedPresenceStore>(provider.GetRequiredService<IPresenceStore>()).IsReady;

        Assert.Single(listener.All);
        Assert.Single(bus.ReceivedCalls());
        _ = presence.Received(1).IsReady;
        Assert.Same(provider.GetRequiredService<IMessageBus>(), provider.GetRequiredService<IMessageBus>());
    }

    [Fact]
    public void AddAetherInstrumentation_Throws_GivenThatThereIsNoAdapterToWrap() =>
        Assert.Throws<Scrutor.DecorationException>(
            () => new ServiceCollection().AddAetherApplication().AddAetherInstrumentation());

    private static long AllocatedByPublishing(InstrumentedMessageBus watched)
    {
        Publish();
        long before = GC.GetAllocatedBytesForCurrentThread();
        Publish();
        return GC.GetAllocatedBytesForCurrentThread() - before;

        void Publish()
        {
            for (int i = 0; i < Publishes; i++)
                _ = Result(watched.PublishAsync(ChannelName.Broadcast, Message, CancellationToken.None));
        }

        static PublishResult Result(ValueTask<PublishResult> publishing) => publishing.GetAwaiter().GetResult();
    }

    private InstrumentedMessageBus Bus(Func<Message, CancellationToken, ValueTask<PublishResult>> publish) =>
        new(new FakeBus(publish), metrics, time);

    private ValueTask<PublishResult> Publish(Func<Message, CancellationToken, ValueTask<PublishResult>> publish) =>
        Bus(publish).PublishAsync(ChannelName.Group(Some.Group), Message, Cancellation);

    /// <summary>Every measurement of one meter as a line: name, value, tags by name.</summary>
    private sealed class Measurements : IDisposable
    {
        private readonly MeterListener listener = new();
        private readonly ConcurrentQueue<string> lines = new();

        public Measurements(RealtimeMetrics metrics)
        {
            listener.InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Meter == metrics.Meter)
                    self.EnableMeasurementEvents(instrument);
            };
            listener.SetMeasurementEventCallback<long>((source, value, tags, _) => Add(source, $"{value}", tags));
            listener.SetMeasurementEventCallback<double>((source, value, tags, _) => Add(source, $"{value}", tags));
            listener.Start();
        }

        public IEnumerable<string> All => lines;

        public IEnumerable<string> Of(string instrument) =>
            lines.Where(line => line.StartsWith(instrument + " ", StringComparison.Ordinal));

        public void Dispose() => listener.Dispose();

        private void Add(Instrument instrument, string value, ReadOnlySpan<KeyValuePair<string, object?>> tags) =>
            lines.Enqueue(string.Join(
                ' ', [instrument.Name, value, .. tags.ToArray().Select(tag => $"{tag.Key}={tag.Value}").Order()]));
    }

    private sealed class Activities : IDisposable
    {
        private readonly ActivityListener listener;
        private readonly ConcurrentQueue<Activity> stopped = new();

        public Activities()
        {
            listener = new ActivityListener
            {
                ShouldListenTo = source => source.Name == "Aether.Realtime",
                Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
                ActivityStopped = stopped.Enqueue,
            };
            ActivitySource.AddActivityListener(listener);
        }

        public ConcurrentQueue<Activity> Stopped => stopped;

        public void Dispose() => listener.Dispose();
    }
}
