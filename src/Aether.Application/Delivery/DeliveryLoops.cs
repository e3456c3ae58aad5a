using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Aether.Application.Delivery;

/// <summary>
/// The loops of this instance. Connections are dealt out among them in turn. Once they are disposed of nobody watches over
/// them any more; what is in them still runs.
/// </summary>
internal sealed class DeliveryLoops : IDisposable
{
    /// <summary>
    /// How many frames may wait for a loop: a second's worth at a rate that two cores can still deliver. Beyond it a
    /// publisher in memory waits, and what comes from a backplane is dropped and told as a gap.
    /// </summary>
    private const int Capacity = 8_192;

    private readonly ImmutableArray<DeliveryLoop> loops;
    private uint next;
    private volatile bool isOver;

    /// <summary>Creates the loops.</summary>
    /// <param name="count">How many. 0: one for every two cores.</param>
    /// <param name="capacity">How many frames may wait for each.</param>
    /// <param name="coalesce">How long frames of a hot group are held at most; zero: never.</param>
    /// <param name="coalesceFrom">How many receivers such a group has at least, of those of one loop.</param>
    /// <param name="time">The clock; by default the system's.</param>
    /// <param name="logger">Told when the thread pool of the process is blocked; by default nobody is.</param>
    public DeliveryLoops(
        int count = 0,
        int capacity = Capacity,
        TimeSpan coalesce = default,
        int coalesceFrom = Coalescing.ManyReceivers,
        TimeProvider? time = null,
        ILogger<DeliveryLoops>? logger = null)
    {
        if (count == 0)
            count = Math.Max(1, Environment.ProcessorCount / 2);
        time ??= TimeProvider.System;
        loops =
        [
            .. Enumerable.Range(0, count)
                .Select(index => new DeliveryLoop(index, capacity, coalesce, coalesceFrom, time)),
        ];
        Watcher = LoopRescue.Watch(this, logger ?? NullLogger<DeliveryLoops>.Instance);
    }

    /// <summary>All of them.</summary>
    internal ImmutableArray<DeliveryLoop> All => loops;

    /// <summary>The thread that watches over them.</summary>
    internal Thread Watcher { get; }

    /// <summary>Whether they were disposed of.</summary>
    internal bool IsOver => isOver;

    /// <inheritdoc/>
    public void Dispose() => isOver = true;

    /// <summary>The loop for the next connection.</summary>
    public DeliveryLoop Next() => loops[(int)(Interlocked.Increment(ref next) % (uint)loops.Length)];
}
