using Aether.Application.Delivery;
using Aether.Application.Wire;
using Aether.Domain;

namespace Aether.Application.History;

/// <summary>
/// How far this instance has come in the stream of a channel that it hears. What comes next is delivered; what came before
/// is dropped; what comes too early is held until <see cref="ChannelRepair"/> has read what is missing. The order of calls
/// is the order of delivery.
/// </summary>
internal sealed class ChannelPlace
{
    private readonly HistoryServices shared;
    private readonly ChannelReceivers receivers;
    private readonly Lock gate = new();
    private Position last;
    private long lastAt;
    private int lastFingerprint;
    private (Position Last, int Fingerprint) doubted;
    private long doubt;
    private FrameRing? ring;
    private volatile HeldFrames? held = new();
    private Task<GapTypes>? repair;
    private bool closed;

    /// <summary>Creates it for a channel that is about to be heard. All is held until <see cref="Begin"/>.</summary>
    public ChannelPlace(HistoryServices shared, ChannelReceivers receivers)
    {
        this.shared = shared;
        this.receivers = receivers;
        lastAt = shared.Time.GetTimestamp();
    }

    /// <summary>The channel.</summary>
    public ChannelName Name => receivers.Name;

    /// <summary>Whether all that comes is held for a moment, whether it is kept or not.</summary>
    public bool IsHolding => held is not null;

    /// <summary>Whether the channel is heard no longer.</summary>
    public bool IsClosed => Volatile.Read(ref closed);

    /// <summary>The last message that was delivered, or where the stream ended when the channel was first heard.</summary>
    public Position Last
    {
        get
        {
            lock (gate)
                return last;
        }
    }

    /// <summary>How long ago the last kept message was delivered.</summary>
    public TimeSpan SinceLast => shared.Time.GetElapsedTime(Volatile.Read(ref lastAt));

    /// <summary>
    /// Whether the last message, or the last one before a doubt, was heard here, and the stream should still have it.
    /// </summary>
    public bool KnowsLast
    {
        get
        {
            lock (gate)
                return Known.Fingerprint != 0 && SinceLast < shared.Kept.Limits.Ttl;
        }
    }

    /// <summary>The channel is heard, and its stream ended here at that time.</summary>
    public void Begin(Position end)
    {
        lock (gate)
        {
            last = end;
            if (held is { Added: > 0 })
                ChannelRepair.Start(this, default, mustRead: false);
            else
                held = null;
        }
    }

    /// <summary>The channel is heard no longer.</summary>
    public void Close()
    {
        lock (gate)
        {
            Volatile.Write(ref closed, true);
            ring?.Clear();
            held = null;
        }
    }

    /// <summary>Takes what came, from one who cannot wait.</summary>
    /// <returns>Whether there was room for it; for a kept one there always is.</returns>
    public bool TryReceive(Frame frame, GapTypes type)
    {
        lock (gate)
        {
            var put = Take(frame, type, canWait: false, out bool hadRoom);
            if (!put.IsCompletedSuccessfully)
                ChannelRepair.Start(this, put, mustRead: false);
            return hadRoom;
        }
    }

    /// <summary>Takes what came, and completes when there was room for it.</summary>
    public ValueTask ReceiveAsync(Frame frame, GapTypes type)
    {
        lock (gate)
            return Take(frame, type, canWait: true, out _);
    }

    /// <summary>Reads what is missing up to the end of the stream, if nobody does already.</summary>
    /// <param name="mayHaveGoneBack">Whether the last message has to be compared with that of the stream.</param>
    /// <returns>The types that cannot be had; none if somebody else tells of them.</returns>
    public Task<GapTypes> RepairAsync(bool mayHaveGoneBack = false)
    {
        lock (gate)
        {
            if (last.IsEmpty || closed)
                return Task.FromResult(GapTypes.None);
            if (repair is { } going)
                return mayHaveGoneBack ? ThenCompareAsync(going) : ThenNone(going);
            return ChannelRepair.Run(this, mayHaveGoneBack);
        }
    }

    /// <summary>Frames of the channel after a position, if this instance still has all of them.</summary>
    public KeptPage? TryRead(Position after)
    {
        lock (gate)
            return ring?.TryRead(after, last);
    }

    /// <summary>The last frames of the channel, if this instance still has so many.</summary>
    public KeptPage? TryReadLast(int count)
    {
        lock (gate)
            return ring?.TryReadLast(count, last);
    }

    private ValueTask Take(Frame frame, GapTypes type, bool canWait, out bool hadRoom)
    {
        hadRoom = true;
        var kept = frame as KeptFrame;
        if (kept is not null && IsOld(kept.Position))
            return default;
        if (held is { } waiting)
        {
            waiting.Add(frame, type);
            return default;
        }
        if (kept is null)
        {
            if (canWait)
                return receivers.PutAsync(shared.Loops, frame);
            hadRoom = receivers.TryPut(shared.Loops, frame);
            return default;
        }
        if (IsNext(kept.Position))
            return Deliver(kept);
        (held = new HeldFrames()).Add(frame, type);
        ChannelRepair.Start(this, default, mustRead: true);
        return default;
    }

    private ValueTask Deliver(KeptFrame frame)
    {
        NoteDoubt();
        last = frame.Position;
        lastAt = shared.Time.GetTimestamp();
        lastFingerprint = frame.Fingerprint;
        // The channel of one client is asked for by one connection, if at all; one that is heard no longer, by nobody.
        if (Name.Kind != ChannelKind.Client && !closed)
            (ring ??= new FrameRing(shared)).Add(frame);
        return receivers.PutAsync(shared.Loops, frame);
    }

    /// <summary>What the stream is compared with: the last message of which it is sure that it was in it.</summary>
    private (Position Last, int Fingerprint) Known =>
        shared.Doubts.IsOpen(doubt) ? doubted : (last, lastFingerprint);

    // What comes after the first doubt may have the number of a message that the store has lost.
    private void NoteDoubt()
    {
        long raised = shared.Doubts.Last;
        if (shared.Doubts.IsOpen(raised) && !shared.Doubts.IsOpen(doubt))
            (doubted, doubt) = ((last, lastFingerprint), raised);
    }

    private bool IsNext(Position position) => position.Epoch == last.Epoch && position.Seq == last.Seq + 1;

    private bool IsOld(Position position) => position.Epoch == last.Epoch && position.Seq <= last.Seq;

    private static async Task<GapTypes> ThenNone(Task going)
    {
        await going.ConfigureAwait(false);
        return GapTypes.None;
    }

    private async Task<GapTypes> ThenCompareAsync(Task going)
    {
        await going.ConfigureAwait(false);
        return await RepairAsync(mayHaveGoneBack: true).ConfigureAwait(false);
    }

    // What a repair does with its place; it has the lock only while it is in here.

    internal HistoryServices Shared => shared;

    internal ChannelReceivers Receivers => receivers;

    /// <summary>Notes that a repair begins, which holds all that comes; under the lock.</summary>
    internal bool TryBeginRepair(Func<Task<GapTypes>> run, out Task<GapTypes> going)
    {
        if (repair is { } already)
        {
            going = already;
            return false;
        }
        held ??= new HeldFrames();
        var ended = new TaskCompletionSource<GapTypes>(TaskCreationOptions.RunContinuationsAsynchronously);
        repair = going = ended.Task;
        _ = CompleteAsync(ended, run);
        return true;
    }

    private static async Task CompleteAsync(TaskCompletionSource<GapTypes> ended, Func<Task<GapTypes>> run)
    {
        // Never under the lock of whoever found that something is missing.
        await Task.Yield();
        ended.SetResult(await run().ConfigureAwait(false));
    }

    /// <summary>
    /// Where reading has to go on, the last message that the stream can be compared with and what it was (0: not known),
    /// and how many frames were held so far.
    /// </summary>
    internal (Position Last, (Position Last, int Fingerprint) Known, long Held) Mark()
    {
        lock (gate)
        {
            if (held is { } waiting)
                waiting.IsShort = false;
            return (last, Known, held?.Added ?? 0);
        }
    }

    /// <summary>
    /// Gives a repair up, with all that was held: what is kept of it is found missing with the next message.
    /// </summary>
    /// <returns>The types that may be missing.</returns>
    internal GapTypes Abandon()
    {
        lock (gate)
            (held, repair) = (null, null);
        return GapTypes.All;
    }

    /// <summary>What lies between here and there cannot be had, or never was.</summary>
    internal void MoveTo(Position position)
    {
        lock (gate)
        {
            last = position;
            lastFingerprint = 0;
            doubted = default;
            ring?.Clear();
        }
    }

    /// <summary>Delivers what was read, unless it came by itself.</summary>
    internal ValueTask DeliverRead(KeptFrame frame, out bool delivered)
    {
        lock (gate)
        {
            delivered = !closed && IsNext(frame.Position);
            return delivered ? Deliver(frame) : default;
        }
    }

    /// <summary>
    /// Delivers what was held. What came before the stream was read, and is not next, is in no stream.
    /// </summary>
    /// <param name="readAfter">The number of the last frame that came before the stream was read to its end; 0: it was not.</param>
    /// <param name="pending">Completes when there was room for what was delivered.</param>
    /// <param name="lost">The types of those that are missing for good.</param>
    /// <returns>What is to be done next.</returns>
    internal NextStep Flush(long readAfter, out ValueTask pending, out GapTypes lost)
    {
        lock (gate)
        {
            var puts = new List<Task>();
            bool mustRead = false;
            lost = held?.Lost ?? GapTypes.None;
            if (held is { } waiting)
            {
                waiting.Lost = GapTypes.None;
                mustRead = waiting.IsShort;
                while (!mustRead && waiting.TryPeek(out var first))
                {
                    if (first.Frame is KeptFrame kept && !IsOld(kept.Position) && !IsNext(kept.Position)
                        && first.Number > readAfter)
                    {
                        mustRead = true;
                        break;
                    }
                    waiting.TryTake(out _);
                    var put = FlushOne(first).AsTask();
                    if (!put.IsCompletedSuccessfully)
                        puts.Add(put);
                }
            }
            pending = puts.Count == 0 ? default : new ValueTask(Task.WhenAll(puts));
            if (closed || (!mustRead && puts.Count == 0))
            {
                held = null;
                repair = null;
                return NextStep.Done;
            }
            return mustRead ? NextStep.Read : NextStep.Flush;
        }
    }

    private ValueTask FlushOne(in HeldFrames.Held one)
    {
        if (one.Frame is not KeptFrame kept)
            return receivers.PutAsync(shared.Loops, one.Frame);
        if (IsNext(kept.Position))
            return Deliver(kept);
        if (!IsOld(kept.Position))
            shared.Metrics?.Garbage();
        return default;
    }
}

/// <summary>How a repair goes on.</summary>
internal enum NextStep
{
    /// <summary>It is through.</summary>
    Done,

    /// <summary>The stream has to be read.</summary>
    Read,

    /// <summary>What was held has to be looked at again.</summary>
    Flush,
}
