using System.Net.Sockets;
using Aether.Application;
using Aether.Application.Delivery;

namespace Aether.Api.WebSockets;

/// <summary>
/// The way out of one connection: the frames that were written and not sent yet, and the transport that they go to. Only
/// the connection's delivery loop calls it. It never waits, and it never sends while an earlier send is pending.
/// </summary>
internal sealed class ConnectionOutput(SendQueueOptions limits, SocketConnection owner)
{
    // So much is sent at once; what waits of a batch of long messages never gets longer.
    private const int SendAtMost = 16_384;

    // The array of a queue that was longer than this once is not kept.
    private const int KeepCapacity = 16;

    [ThreadStatic]
    private static byte[]? scratch;

    private TransportWriter? transport;
    private Queue<Frame>? waiting;
    private int waitingBytes;
    private bool pending = true;
    private bool ended;
    private bool broken;
    private ValueTask<bool> sending;
    private TaskCompletionSource? drained;
    private HeldBack? heldBack;
    private (int Bytes, TaskCompletionSource Found)? wanted;

    /// <summary>Whether frames wait: until the connection is open, and while its peer takes too little.</summary>
    public bool Pending => Volatile.Read(ref pending);

    /// <summary>
    /// Whether it is at its end with what was missed, and takes more of it: nothing that came live is sent before.
    /// </summary>
    public bool WantsMissed => !pending && !ended && !broken && heldBack is { Ahead.Count: 0, IsLast: false };

    /// <summary>Whether what came live still waits for what was missed.</summary>
    public bool IsHeldBack => heldBack is not null;

    /// <summary>Sends the first frame, then what waited, and from now on what comes.</summary>
    /// <param name="writer">Where to.</param>
    /// <param name="first">The first frame, if there is one.</param>
    /// <param name="admits">
    /// Given, what waits is held back behind what <see cref="WriteMissed"/> brings, and then only what this lets through is
    /// sent.
    /// </param>
    public void Open(TransportWriter writer, Frame? first, Func<Frame, bool>? admits = null)
    {
        transport = writer;
        pending = false;
        if (admits is not null && !ended)
            heldBack = new HeldBack(admits);
        // Closed meanwhile: what it missed is not sent any more, and so nothing that stands behind it but the close.
        while (admits is not null && ended && waiting is { Count: > 1 })
            Take(waiting, isWaiting: true);
        if (first is not null)
            Send(first.Bytes.Span);
        Flush();
    }

    /// <summary>Takes a frame, which is sent with the next flush, or when the peer takes more.</summary>
    /// <returns>Whether there was room.</returns>
    public bool Write(Frame frame)
    {
        if (ended || broken)
            return true;
        if (heldBack is not null && frame.IsControl)
        {
            // Or a peer that takes its time would never be pinged.
            heldBack.Ahead.Enqueue(frame);
            return true;
        }
        // One that is alone always has room: no message is too long for a queue that is empty.
        if ((pending || heldBack is not null) && waiting is { Count: > 0 }
            && (waiting.Count >= limits.Messages || waitingBytes + frame.Bytes.Length > limits.Bytes))
            return false;
        Keep(frame);
        if (waitingBytes >= SendAtMost)
            Flush();
        return true;
    }

    /// <summary>Sends frames that were missed, ahead of what came live.</summary>
    /// <param name="frames">The frames.</param>
    /// <param name="isLast">Whether what came live is behind these.</param>
    public void WriteMissed(IReadOnlyList<Frame> frames, bool isLast)
    {
        if (heldBack is not { } missed)
            return;
        foreach (var frame in frames)
            missed.Ahead.Enqueue(frame);
        missed.IsLast = isLast;
        Flush();
    }

    /// <summary>Writes the last frame; nothing comes after it.</summary>
    /// <param name="frame">The close frame.</param>
    /// <param name="dropWaiting">Whether it is for a peer that does not take what waits already.</param>
    public void WriteLast(Frame frame, bool dropWaiting)
    {
        if (ended)
            return;
        DropHeldBack();
        if (pending && dropWaiting)
        {
            waiting?.Clear();
            waitingBytes = 0;
        }
        Keep(frame);
        ended = true;
        Flush();
    }

    /// <summary>
    /// Says when there is room for so many bytes that can wait: half of the queue is left to what cannot. Nobody waits for
    /// an output that takes no more.
    /// </summary>
    public void WaitForRoom(int bytes, TaskCompletionSource found)
    {
        wanted = (bytes, found);
        TellOfRoom();
    }

    /// <summary>Sends what was written, unless a send is pending already.</summary>
    public void Flush()
    {
        SendWhatWaits();
        TellOfRoom();
    }

    private void SendWhatWaits()
    {
        while (!pending)
        {
            if (heldBack is { Ahead.Count: 0, IsLast: true } through)
                LetOut(through);
            if ((heldBack?.Ahead ?? waiting) is not { Count: > 0 } next)
                return;
            SendWaiting(next);
        }
    }

    /// <summary>Goes on after the pending send; called in the loop when it is through.</summary>
    public void Resume()
    {
        FinishSend();
        pending = false;
        Flush();
        if (!pending)
            drained?.TrySetResult();
    }

    /// <summary>
    /// Takes no more frames, and says when what was taken is on its way. The transport is not used after that.
    /// </summary>
    public void End(TaskCompletionSource whenDrained)
    {
        DropHeldBack();
        ended = true;
        Flush();
        if (!pending || transport is null)
            whenDrained.TrySetResult();
        else
            drained = whenDrained;
    }

    private void TellOfRoom()
    {
        if (wanted is not var (bytes, found) || !HasRoom(bytes))
            return;
        wanted = null;
        found.TrySetResult();
    }

    private bool HasRoom(int bytes) => ended || broken || (!pending && heldBack is null) || waiting is not { Count: > 0 }
        || (waiting.Count < limits.Messages / 2 && waitingBytes + bytes <= limits.Bytes / 2);

    private void Keep(Frame frame)
    {
        waiting ??= new Queue<Frame>();
        waiting.Enqueue(frame);
        waitingBytes += frame.Bytes.Length;
    }

    // As many frames as fit into one send, copied together, or one alone as it is: a frame belongs to all its receivers.
    private void SendWaiting(Queue<Frame> frames)
    {
        bool isWaiting = ReferenceEquals(frames, waiting);
        var first = Take(frames, isWaiting);
        if (frames.Count == 0)
        {
            Send(first.Bytes.Span);
            if (isWaiting && frames.Capacity > KeepCapacity)
                waiting = null;
            return;
        }
        if (first.Bytes.Length > SendAtMost)
        {
            Send(first.Bytes.Span);
            return;
        }
        var together = (scratch ??= new byte[SendAtMost]).AsSpan();
        first.Bytes.Span.CopyTo(together);
        int length = first.Bytes.Length;
        while (frames.TryPeek(out var frame) && frame.Bytes.Length <= together.Length - length)
        {
            Take(frames, isWaiting);
            frame.Bytes.Span.CopyTo(together[length..]);
            length += frame.Bytes.Length;
        }
        Send(together[..length]);
    }

    private Frame Take(Queue<Frame> frames, bool isWaiting)
    {
        var frame = frames.Dequeue();
        if (isWaiting)
            waitingBytes -= frame.Bytes.Length;
        return frame;
    }

    private void LetOut(HeldBack through)
    {
        heldBack = null;
        var live = waiting;
        (waiting, waitingBytes) = (null, 0);
        foreach (var frame in live ?? [])
        {
            if (through.Admits(frame))
                Keep(frame);
        }
    }

    // What came live stands behind something that is now missing: whoever got it would take it for whole.
    private void DropHeldBack()
    {
        if (heldBack is not { } missed)
            return;
        heldBack = null;
        (waiting, waitingBytes) = (null, 0);
        foreach (var frame in missed.Ahead)
            Keep(frame);
    }

    private void Send(ReadOnlySpan<byte> bytes)
    {
        if (broken)
            return;
        try
        {
#pragma warning disable CA2012 // It is consumed exactly once, in FinishSend; a Task would be one object a send.
            sending = transport!.SendAsync(bytes);
#pragma warning restore CA2012
        }
        catch (Exception fault) when (IsGone(fault))
        {
            broken = true;
            return;
        }
        if (sending.IsCompleted)
        {
            FinishSend();
            return;
        }
        pending = true;
        sending.ConfigureAwait(false).GetAwaiter().UnsafeOnCompleted(owner.ResumeLater);
    }

    // A peer that is gone shows one way or the other. The read side of the connection ends for the same reason, and that
    // is what ends the connection.
    private void FinishSend()
    {
        try
        {
            broken = sending.GetAwaiter().GetResult();
        }
        catch (Exception fault) when (IsGone(fault))
        {
            broken = true;
        }
    }

    /// <summary>What was missed and is on its way, while what came live is held back.</summary>
    private sealed class HeldBack(Func<Frame, bool> admits)
    {
        public Queue<Frame> Ahead { get; } = new();

        public bool IsLast { get; set; }

        public Func<Frame, bool> Admits => admits;
    }

    private static bool IsGone(Exception fault) =>
        fault is IOException or SocketException or OperationCanceledException or InvalidOperationException;
}
