using Aether.Application.Delivery;
using Aether.Application.Instrumentation;
using Aether.Application.Wire;
using Aether.Domain;
using Microsoft.Extensions.Logging;

namespace Aether.Application.History;

/// <summary>What all channels that an instance hears share for what is kept.</summary>
/// <param name="kept">What is kept.</param>
/// <param name="loops">They write to the connections.</param>
/// <param name="messages">What the server says itself.</param>
/// <param name="time">The clock.</param>
/// <param name="metrics">Where it is counted, if it is.</param>
/// <param name="logger">Where a fault goes, if anywhere.</param>
internal sealed class HistoryServices(
    KeptMessages kept,
    DeliveryLoops loops,
    ServerMessages messages,
    TimeProvider time,
    RealtimeMetrics? metrics = null,
    ILogger<HistoryServices>? logger = null) : IDisposable
{
    /// <summary>What is kept.</summary>
    public KeptMessages Kept => kept;

    /// <summary>They write to the connections.</summary>
    internal DeliveryLoops Loops => loops;

    /// <summary>What the server says itself.</summary>
    internal ServerMessages Messages => messages;

    /// <summary>The clock.</summary>
    internal TimeProvider Time => time;

    /// <summary>Where it is counted, if it is.</summary>
    internal RealtimeMetrics? Metrics => metrics;

    /// <summary>Where a fault goes, if anywhere.</summary>
    internal ILogger? Logger => logger;

    /// <summary>Whether the store may have lost its newest messages.</summary>
    internal StoreDoubts Doubts { get; } = new();

    /// <summary>How much the last frames of all channels may take.</summary>
    internal RingBudget Budget { get; } = new();

    /// <summary>Reads that many may share.</summary>
    internal HistoryReads Reads { get; } = new(kept, time);

    /// <summary>The types that are not kept, of those that go through channels.</summary>
    internal GapTypes OtherTypes => GapTypes.All & ~kept.Types;

    /// <inheritdoc/>
    public void Dispose() => Reads.Dispose();

    /// <summary>The type of a message, as a gap tells it.</summary>
    internal static GapTypes TypeOf(Message message) => message.Type switch
    {
        MessageType.Cmd => GapTypes.Cmd,
        MessageType.Msg => GapTypes.Msg,
        MessageType.Presence => GapTypes.Presence,
        MessageType.Heartbeat => GapTypes.None,
    };
}

/// <summary>How many bytes the last frames of all channels take together, and may take.</summary>
internal sealed class RingBudget
{
    private const long Most = 32 * 1024 * 1024;

    private long taken;

    public bool TryTake(int bytes)
    {
        if (Interlocked.Add(ref taken, bytes) <= Most)
            return true;
        Interlocked.Add(ref taken, -bytes);
        return false;
    }

    public void GiveBack(int bytes) => Interlocked.Add(ref taken, -bytes);
}
