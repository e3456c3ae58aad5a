using System.Threading.Channels;
using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Domain;

namespace Aether.Application.Tracing;

/// <summary>
/// What this instance tells of one traced client. It takes what connections tell it without waiting, and never more than
/// an operator can read and the backplane does not feel.
/// </summary>
internal sealed class TraceFeed(TraceOrder order, IMessageBus bus, ServerMessages messages, TimeProvider time)
    : IDisposable
{
    private const int Waiting = 512;
    private const int EventsPerSecond = 200;
    private const int BytesPerSecond = 1_048_576;

    private readonly Channel<ReadOnlyMemory<byte>> waiting = Channel.CreateBounded<ReadOnlyMemory<byte>>(
        new BoundedChannelOptions(Waiting) { SingleReader = true });

    private readonly CancellationTokenSource ends = new(order.Lease, time);
    private readonly Lock gate = new();
    private TraceBudget own = new(EventsPerSecond, BytesPerSecond);
    private TraceBudget everybodys = new(EventsPerSecond, BytesPerSecond);
    private long skipped;

    /// <summary>Whether nobody asks for it any longer.</summary>
    public bool IsOver => ends.IsCancellationRequested;

    /// <summary>Whether it is about a client in a group.</summary>
    public bool IsAbout(VisionId group, VisionId client) => order.GroupId == group && order.ClientId == client;

    /// <summary>It is asked for once more.</summary>
    public void Renew(TimeSpan lease)
    {
        if (lease > TimeSpan.Zero)
            ends.CancelAfter(lease);
        else
            ends.Cancel();
    }

    /// <summary>Takes note of something, if there is room for it.</summary>
    public void Tell(string connection, TraceEvent what)
    {
        var now = time.GetUtcNow().UtcDateTime;
        lock (gate)
        {
            // Looked at before it is written: what is skipped costs nothing.
            bool fits = (what.ForEverybody ? ref everybodys : ref own)
                .TryTake(now.Ticks / TimeSpan.TicksPerSecond, what.Bytes);
            if (!fits || !waiting.Writer.TryWrite(what.Write(now, connection)))
                skipped++;
        }
    }

    /// <summary>Publishes what is told, until nobody asks for it any longer.</summary>
    public async Task RunAsync()
    {
        try
        {
            await foreach (var told in waiting.Reader.ReadAllAsync(ends.Token).ConfigureAwait(false))
            {
                if (TakeSkipped() is > 0 and var count
                    && !await PublishAsync(TraceEvent.Skipped(count).Write(time.GetUtcNow().UtcDateTime, null))
                        .ConfigureAwait(false))
                    Skip(count);
                if (!await PublishAsync(told).ConfigureAwait(false))
                    Skip(1);
            }
        }
        catch (OperationCanceledException) when (IsOver)
        {
            // Over.
        }
    }

    /// <inheritdoc/>
    public void Dispose() => ends.Dispose();

    private async ValueTask<bool> PublishAsync(ReadOnlyMemory<byte> told) =>
        (await bus.PublishAsync(
            ChannelName.Trace(order.TraceId),
            messages.Traced(order.TraceId, order.GroupId, told),
            CancellationToken.None).ConfigureAwait(false)).Accepted;

    private long TakeSkipped()
    {
        lock (gate)
        {
            long count = skipped;
            skipped = 0;
            return count;
        }
    }

    private void Skip(long count)
    {
        lock (gate)
            skipped += count;
    }
}
