using Aether.Application.Delivery;
using Aether.Application.FanOut;
using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Benchmarks.Allocations;
using Aether.Domain;
using Aether.Infrastructure;
using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.DependencyInjection;

namespace Aether.Benchmarks;

/// <summary>
/// From a message on a group's channel to the output of every connection: hub, frame and one delivery loop. An operation
/// is one message, and it is over when all outputs were flushed. Messages come in bursts, as they do under load.
/// </summary>
[SeveralThreads]
public class FanOut
{
    private const int Burst = 64;
    private static readonly ChannelName Channel = ChannelName.Group(Samples.Group);
    private static readonly Message Message = Samples.Read(Samples.Plain);

    private readonly ManualResetEventSlim arrived = new();
    private ServiceProvider? services;
    private IMessageBus bus = null!;
    private Hub hub = null!;
    private long expected;
    private long flushed;

    /// <summary>How many connections hear the group.</summary>
    [Params(1, 10, 100, 1000)]
    public int Connections { get; set; }

    /// <summary>Attaches the connections.</summary>
    [GlobalSetup]
    public async Task Start()
    {
        services = new ServiceCollection()
            .AddAetherInfrastructure(redisConnectionString: null)
            .BuildServiceProvider();
        bus = services.GetRequiredService<IMessageBus>();
        // One loop, however many cores there are: every machine then does, and allocates, the same.
        var loops = new DeliveryLoops(count: 1);
        hub = new Hub(bus, loops, new ServerMessages(TimeProvider.System));
        var loop = loops.Next();
        for (int i = 0; i < Connections; i++)
        {
            var output = new Output(this, VisionId.Parse($"client-{i}"), loop);
            if (!await hub.AttachAsync(output, CancellationToken.None).ConfigureAwait(false))
                throw new InvalidOperationException("a connection could not be attached");
        }
        var seated = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        loop.Run(seated.SetResult);
        await seated.Task.ConfigureAwait(false);
    }

    /// <summary>Ends it.</summary>
    [GlobalCleanup]
    public void End()
    {
        services?.Dispose();
        arrived.Dispose();
    }

    /// <summary>Published in this process: a publisher that finds no room waits.</summary>
    [Benchmark(OperationsPerInvoke = Burst)]
    public void FromMemory()
    {
        Expect();
        for (int i = 0; i < Burst; i++)
        {
            var published = bus.PublishAsync(Channel, Message, CancellationToken.None);
            if (!published.IsCompletedSuccessfully || published.Result.Instances != 1)
                throw new InvalidOperationException("there was no room, or nobody heard it");
        }
        arrived.Wait();
    }

    /// <summary>Come from a backplane, which cannot wait.</summary>
    [Benchmark(OperationsPerInvoke = Burst)]
    public void FromBackplane()
    {
        Expect();
        for (int i = 0; i < Burst; i++)
        {
            if (!hub.TryReceive(Channel, Message))
                throw new InvalidOperationException("there was no room");
        }
        arrived.Wait();
    }

    private void Expect()
    {
        arrived.Reset();
        expected += (long)Burst * Connections;
    }

    // Called by the loop alone.
    private void Flushed(int frames)
    {
        flushed += frames;
        if (flushed == expected)
            arrived.Set();
    }

    /// <summary>Takes frames, and leaves out what a pipe and a socket would do with them.</summary>
    private sealed class Output(FanOut owner, VisionId client, DeliveryLoop loop)
        : Connection(client, Samples.Group, echo: true, full: true, loop)
    {
        private int written;

        public override string Id => ClientId.Value;

        public override void Close(CloseReason why)
        {
        }

        protected internal override void Write(Frame frame) => written++;

        protected internal override void Flush()
        {
            owner.Flushed(written);
            written = 0;
        }
    }
}
