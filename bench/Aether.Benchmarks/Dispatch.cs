using Aether.Application;
using Aether.Application.Messaging;
using Aether.Application.Ports;
using Aether.Domain;
using Aether.Infrastructure;
using BenchmarkDotNet.Attributes;
using MediatR;
using Microsoft.Extensions.DependencyInjection;

namespace Aether.Benchmarks;

/// <summary>
/// From a message to its outcome, as a connection does it: command, mediator, validation, handler, and the adapters in
/// memory, composed as the product composes them. What the bus delivers goes nowhere; <see cref="FanOut"/> has that.
/// </summary>
public class Dispatch
{
    private static readonly Message Group = Samples.Read(Samples.Plain);
    private static readonly Message Direct = Group with { Target = Target.Direct, ToId = Samples.Receiver };
    private static readonly Message All = Group with { Target = Target.Broadcast };
    private static readonly Message Own = Group with { Target = Target.Echo };
    private static readonly Message Alive = Group with { Type = MessageType.Heartbeat, Cmd = null };
    private static readonly Message AliveBack = Alive with { Target = Target.Echo };
    private static readonly Message Elsewhere = Group with { GroupId = Samples.OtherGroup };

    private ServiceProvider? services;
    private IMediator mediator = null!;

    /// <summary>Composes it, with somebody to hear each channel and a member to be alive.</summary>
    [GlobalSetup]
    public async Task Start()
    {
        services = new ServiceCollection()
            .AddAetherApplication()
            .AddAetherInfrastructure(redisConnectionString: null)
            .AddAetherInstrumentation()
            .AddMetrics()
            // What a message costs that is not kept.
            .Configure<RealtimeOptions>(options => options.History.Types = [])
            .BuildServiceProvider();
        mediator = services.GetRequiredService<IMediator>();
        var bus = services.GetRequiredService<IMessageBus>();
        foreach (var channel in (ChannelName[])
            [ChannelName.Broadcast, ChannelName.Group(Samples.Group), ChannelName.Client(Samples.Receiver)])
            await bus.SubscribeAsync(channel, new Nowhere(), CancellationToken.None).ConfigureAwait(false);
        await services.GetRequiredService<IPresenceStore>()
            .JoinAsync(Samples.Group, Samples.Client, Role.None, CancellationToken.None).ConfigureAwait(false);
        await ExpectAsync(SendDirect(), one => one is { Rejection: null, Instances: 1 }).ConfigureAwait(false);
        await ExpectAsync(SendGroup(), one => one is { Rejection: null, Instances: 1 }).ConfigureAwait(false);
        await ExpectAsync(Broadcast(), one => one is { Rejection: null, Instances: 1 }).ConfigureAwait(false);
        await ExpectAsync(Echo(), one => one.Reply is not null).ConfigureAwait(false);
        await ExpectAsync(Heartbeat(), one => one == Outcome.Done).ConfigureAwait(false);
        await ExpectAsync(HeartbeatEcho(), one => one.Reply is not null).ConfigureAwait(false);
        await ExpectAsync(Refused(), one => one.Rejection is not null).ConfigureAwait(false);
    }

    /// <summary>Ends it.</summary>
    [GlobalCleanup]
    public void End() => services?.Dispose();

    /// <summary>To one client.</summary>
    [Benchmark]
    public Task<Outcome> SendDirect() => Send(Direct);

    /// <summary>To the group.</summary>
    [Benchmark]
    public Task<Outcome> SendGroup() => Send(Group);

    /// <summary>To everybody.</summary>
    [Benchmark]
    public Task<Outcome> Broadcast() => Send(All);

    /// <summary>Back to the sender.</summary>
    [Benchmark]
    public Task<Outcome> Echo() => Send(Own);

    /// <summary>A sign of life.</summary>
    [Benchmark]
    public Task<Outcome> Heartbeat() => Send(Alive);

    /// <summary>A sign of life that is answered.</summary>
    [Benchmark]
    public Task<Outcome> HeartbeatEcho() => Send(AliveBack);

    /// <summary>To a group that the sender may not send to.</summary>
    [Benchmark]
    public Task<Outcome> Refused() => Send(Elsewhere);

    private Task<Outcome> Send(Message message) => mediator.Send(MessageCommands.From(Samples.Sender, message));

    // A benchmark of something that fails would be cheap, and wrong.
    private static async Task ExpectAsync(Task<Outcome> sending, Func<Outcome, bool> good)
    {
        var outcome = await sending.ConfigureAwait(false);
        if (!good(outcome))
            throw new InvalidOperationException("unexpected outcome: " + outcome.Rejection);
    }

    private sealed class Nowhere : IMessageSink
    {
        public bool TryReceive(ChannelName channel, Message message) => true;

        public ValueTask ReceiveAsync(ChannelName channel, Message message, CancellationToken cancellationToken) =>
            default;

        public Task RepairAsync(DateTime since, bool othersMayBeMissing, CancellationToken cancellationToken) =>
            Task.CompletedTask;
    }
}
