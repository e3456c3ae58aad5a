using Aether.Application;
using Aether.Application.Delivery;
using Aether.Application.FanOut;
using Aether.Application.History;
using Aether.Application.Messaging;
using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Benchmarks.Allocations;
using Aether.Domain;
using Aether.Infrastructure;
using BenchmarkDotNet.Attributes;
using MediatR;
using Microsoft.Extensions.DependencyInjection;

namespace Aether.Benchmarks;

/// <summary>
/// What it costs to keep a message, and to give it to whoever was away: composed as the product composes it, in memory.
/// </summary>
[SeveralThreads]
public class Keeping
{
    private const int Missed = 100;
    private static readonly Message Command =
        Samples.Read(Samples.Plain) with { Type = MessageType.Cmd, Cmd = "start" };

    private ServiceProvider? services;
    private IMediator mediator = null!;
    private Hub hub = null!;
    private HistoryServices history = null!;
    private Absent absent = null!;
    private ResumeRequest fromRing;
    private ResumeRequest fromStore;

    /// <summary>Composes it, with a connection that hears the group and 100 messages that another one missed.</summary>
    [GlobalSetup]
    public async Task Start()
    {
        services = new ServiceCollection()
            .AddAetherApplication()
            .AddAetherInfrastructure(redisConnectionString: null)
            .BuildServiceProvider();
        mediator = services.GetRequiredService<IMediator>();
        // One loop, however many cores there are: every machine then does, and allocates, the same.
        var loops = new DeliveryLoops(count: 1);
        var messages = new ServerMessages(TimeProvider.System);
        history = new HistoryServices(
            services.GetRequiredService<KeptMessages>(), loops, messages, TimeProvider.System);
        hub = new Hub(services.GetRequiredService<IMessageBus>(), loops, messages, null, history);
        var loop = loops.Next();
        if (!await hub.AttachAsync(new Absent(Samples.Receiver, loop), CancellationToken.None).ConfigureAwait(false))
            throw new InvalidOperationException("a connection could not be attached");
        absent = new Absent(VisionId.Parse("away"), loop);
        var kept = new List<Position>();
        for (int i = 0; i < Missed; i++)
        {
            var outcome = await Append().ConfigureAwait(false);
            if (outcome.Position.IsEmpty)
                throw new InvalidOperationException("it was not kept: " + outcome.Rejection);
            kept.Add(outcome.Position);
        }
        // What the instance still has in its hands, and what only the stream has.
        fromRing = From(kept[^41]);
        fromStore = From(kept[0].At(0));
        if (await ReplayAsync(fromRing).ConfigureAwait(false) != 40
            || await ReplayAsync(fromStore).ConfigureAwait(false) != Missed)
            throw new InvalidOperationException("something is missing");
    }

    /// <summary>Ends it.</summary>
    [GlobalCleanup]
    public void End()
    {
        history?.Dispose();
        services?.Dispose();
    }

    /// <summary>A command to a group: numbered, kept, and given to the loops.</summary>
    [Benchmark]
    public Task<Outcome> Append() => mediator.Send(MessageCommands.From(Samples.Sender, Command));

    /// <summary>A connection comes back that missed 40 messages, which the instance still has.</summary>
    [Benchmark]
    public Task<int> ReplayFromRing() => ReplayAsync(fromRing);

    /// <summary>A connection comes back that missed 100 messages, which are read out of the stream for all who ask.</summary>
    [Benchmark]
    public Task<int> ReplayFromStore() => ReplayAsync(fromStore);

    private static ResumeRequest From(Position position) => new(new ChannelPositions(position, default, default));

    private async Task<int> ReplayAsync(ResumeRequest request)
    {
        var resumption = await Resumption.BeginAsync(hub, history, absent, request).ConfigureAwait(false)
            ?? throw new InvalidOperationException("it cannot be read");
        int count = 0;
        while (true)
        {
            var page = await resumption.NextAsync().ConfigureAwait(false);
            count += page.Frames.Count;
            resumption.Advance(page);
            if (page.IsLast)
                return count;
        }
    }

    /// <summary>Takes frames, and leaves out what a pipe and a socket would do with them.</summary>
    private sealed class Absent(VisionId client, DeliveryLoop loop)
        : Connection(client, Samples.Group, echo: true, full: true, loop)
    {
        public override string Id => ClientId.Value;

        public override void Close(CloseReason why)
        {
        }

        protected internal override void Write(Frame frame)
        {
        }

        protected internal override void Flush()
        {
        }
    }
}
