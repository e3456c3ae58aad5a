using System.IO.Pipelines;
using Aether.Application;
using Aether.Application.Delivery;

namespace Aether.Api.WebSockets;

/// <summary>
/// The way out of one connection: its pipe, and the frames that wait while the pipe is full. Only the connection's
/// delivery loop calls it. It never waits, and it never touches the pipe while a flush of it is pending.
/// </summary>
internal sealed class ConnectionOutput(SendQueueOptions limits, SocketConnection owner)
{
    // More than this is flushed on the way, so that a batch of long messages does not pile up in the pipe.
    private const int FlushEvery = 65_536;

    private PipeWriter? pipe;
    private Queue<Frame>? waiting;
    private int waitingBytes;
    private int unflushed;
    private bool pending = true;
    private bool ended;
    private bool broken;
    private ValueTask<FlushResult> flush;
    private TaskCompletionSource? drained;

    /// <summary>Whether frames wait: until the connection is open, and while its peer takes too little.</summary>
    public bool Pending => Volatile.Read(ref pending);

    /// <summary>Sends the first frame, then what waited, and from now on what comes.</summary>
    public void Open(PipeWriter writer, Frame? first)
    {
        pipe = writer;
        pending = false;
        if (first is not null)
            WriteNow(first);
        WriteWaiting();
    }

    /// <summary>Writes a frame, or keeps it while the pipe is full.</summary>
    /// <returns>Whether there was room.</returns>
    public bool Write(Frame frame)
    {
        if (ended)
            return true;
        if (!pending)
        {
            WriteNow(frame);
            return true;
        }
        if (waiting is not null
            && (waiting.Count >= limits.Messages || waitingBytes + frame.Bytes.Length > limits.Bytes))
            return false;
        Keep(frame);
        return true;
    }

    /// <summary>Writes the last frame; nothing comes after it.</summary>
    /// <param name="frame">The close frame.</param>
    /// <param name="dropWaiting">Whether it is for a peer that does not take what waits already.</param>
    public void WriteLast(Frame frame, bool dropWaiting)
    {
        if (ended)
            return;
        if (pending)
        {
            if (dropWaiting)
            {
                waiting?.Clear();
                waitingBytes = 0;
            }
            Keep(frame);
        }
        else
        {
            WriteNow(frame);
        }
        ended = true;
        Flush();
    }

    /// <summary>Sends what was written, unless a flush is pending already.</summary>
    public void Flush()
    {
        if (pending || unflushed == 0)
            return;
        unflushed = 0;
#pragma warning disable CA2012 // It is consumed exactly once, in FinishFlush; a Task would be one object a flush.
        flush = pipe!.FlushAsync();
#pragma warning restore CA2012
        if (flush.IsCompleted)
        {
            FinishFlush();
            return;
        }
        pending = true;
        flush.ConfigureAwait(false).GetAwaiter().UnsafeOnCompleted(owner.ResumeLater);
    }

    /// <summary>Goes on after the pending flush; called in the loop when it is through.</summary>
    public void Resume()
    {
        FinishFlush();
        pending = false;
        WriteWaiting();
        if (!pending)
            drained?.TrySetResult();
    }

    /// <summary>
    /// Takes no more frames, and says when what was taken is on its way. The pipe is not used after that.
    /// </summary>
    public void End(TaskCompletionSource whenDrained)
    {
        ended = true;
        Flush();
        if (!pending || pipe is null)
            whenDrained.TrySetResult();
        else
            drained = whenDrained;
    }

    private void Keep(Frame frame)
    {
        waiting ??= new Queue<Frame>();
        waiting.Enqueue(frame);
        waitingBytes += frame.Bytes.Length;
    }

    private void WriteNow(Frame frame)
    {
        if (broken)
            return;
        var bytes = frame.Bytes.Span;
        bytes.CopyTo(pipe!.GetSpan(bytes.Length));
        pipe.Advance(bytes.Length);
        unflushed += bytes.Length;
        if (unflushed >= FlushEvery)
            Flush();
    }

    private void WriteWaiting()
    {
        while (!pending && waiting is not null && waiting.TryDequeue(out var frame))
        {
            waitingBytes -= frame.Bytes.Length;
            WriteNow(frame);
        }
        // A connection that was slow once does not keep the queue's array for ever.
        if (waiting is { Count: 0 })
            waiting = null;
        Flush();
    }

    // A pipe whose reader is gone says so, one way or the other. The read side of the connection ends for the same
    // reason, and that is what ends the connection.
    private void FinishFlush()
    {
        try
        {
            broken = flush.GetAwaiter().GetResult().IsCompleted;
        }
        catch (Exception fault) when (fault is IOException or OperationCanceledException or InvalidOperationException)
        {
            broken = true;
        }
    }
}
