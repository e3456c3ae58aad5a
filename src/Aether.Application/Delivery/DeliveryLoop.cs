using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Threading.Channels;

namespace Aether.Application.Delivery;

/// <summary>
/// Writes to the connections that belong to it, and is the only one that does: no locks, and no task or queue for each
/// connection. It runs on the thread pool while there is something to do, or on a thread that <see cref="LoopRescue"/>
/// has for it when the pool does not get to it. It never waits for a socket.
/// </summary>
internal sealed class DeliveryLoop : IThreadPoolWorkItem, IRescuable
{
    // What it is at: nothing, in line to run, running. Whoever turns the second into the third runs it.
    private const int Resting = 0;
    private const int Queued = 1;
    private const int Running = 2;

    /// <summary>How many frames are written before the connections are flushed.</summary>
    private const int MaxBatch = 64;

    private readonly Channel<Delivery> inbox;
    private readonly ConcurrentQueue<Action> actions = new();
    private readonly Delivery[] batch = new Delivery[MaxBatch];
    private readonly List<Frame> together = new(MaxBatch);
    private readonly List<Receivers> written = [];
    private readonly List<Connection> touched = [];
    private readonly Coalescing coalescing;
    private int state;
    private uint runs = 1;
    private volatile bool runByPool;

    /// <summary>Creates a loop.</summary>
    /// <param name="index">Its place among the loops of the instance.</param>
    /// <param name="capacity">How many frames may wait for it.</param>
    /// <param name="coalesce">How long frames of a hot group are held at most; zero: never.</param>
    /// <param name="coalesceFrom">How many receivers such a group has at least.</param>
    /// <param name="time">The clock.</param>
    internal DeliveryLoop(int index, int capacity, TimeSpan coalesce, int coalesceFrom, TimeProvider time)
    {
        Index = index;
        coalescing = new Coalescing(coalesce, coalesceFrom, time, Wake);
        // Writers that wait are served in the order in which they came, ahead of later ones: order holds under
        // pressure.
        inbox = Channel.CreateBounded<Delivery>(new BoundedChannelOptions(capacity) { SingleReader = true });
    }

    /// <summary>Its place among the loops of the instance.</summary>
    internal int Index { get; }

    /// <summary>How many frames wait for it.</summary>
    internal int Waiting => inbox.Reader.Count;

    /// <summary>
    /// Writes a frame to one connection, after what was put before it; completes when there was room for it.
    /// </summary>
    public ValueTask SendAsync(Connection connection, Frame frame) => PutAsync(new Delivery(connection, frame));

    /// <summary>Runs something between two batches, where it may touch what belongs to the loop.</summary>
    public void Run(Action action)
    {
        actions.Enqueue(action);
        Wake();
    }

    /// <summary>
    /// Runs something in the loop after what was put before it; completes when there was room for it.
    /// </summary>
    public ValueTask RunAfterAsync(Action action) => PutAsync(new Delivery(action, Frame.KeepAlive));

    /// <summary>Writes a frame to connections of one loop at once. Only from an action of that loop.</summary>
    public static void SendAll(IEnumerable<Connection> connections, Frame frame)
    {
        foreach (var connection in connections)
        {
            connection.Write(frame);
            connection.Loop.Touch(connection);
        }
    }

    uint IRescuable.WaitsSince => Volatile.Read(ref state) == Queued ? Volatile.Read(ref runs) : 0;

    void IThreadPoolWorkItem.Execute()
    {
        if (TryBegin())
        {
            runByPool = true;
            RunBatches();
        }
    }

    bool IRescuable.TakeRunByPool()
    {
        bool taken = runByPool;
        runByPool = false;
        return taken;
    }

    void IRescuable.RunIfQueued()
    {
        if (TryBegin())
            RunBatches();
    }

    void IRescuable.ReleaseOverdue(TimeSpan late)
    {
        if (coalescing.MakeDue(late))
            Wake();
    }

    private bool TryBegin()
    {
        if (Interlocked.CompareExchange(ref state, Running, Queued) != Queued)
            return false;
        // Odd, and so never 0.
        Volatile.Write(ref runs, runs + 2);
        return true;
    }

    private void RunBatches()
    {
        do
        {
            while (RunBatch())
            {
            }
        }
        while (!TryRest());
    }

    internal bool TryPut(ChannelReceivers channel, Frame frame)
    {
        if (!inbox.Writer.TryWrite(new Delivery(channel, frame)))
            return false;
        Wake();
        return true;
    }

    internal ValueTask PutAsync(ChannelReceivers channel, Frame frame) => PutAsync(new Delivery(channel, frame));

    /// <summary>Lets a connection hear a channel from now on. Only from the loop.</summary>
    internal void Add(Receivers receivers, Connection connection)
    {
        // What is held came before it.
        if (receivers.Held is not null)
            WriteHeld();
        receivers.Add(connection);
    }

    /// <summary>Notes that a connection has to be flushed at the end of the batch. Only from the loop.</summary>
    internal void Touch(Connection connection)
    {
        if (connection.Touched)
            return;
        connection.Touched = true;
        touched.Add(connection);
    }

    private ValueTask PutAsync(Delivery delivery)
    {
        var put = inbox.Writer.WriteAsync(delivery);
        Wake();
        return put;
    }

    // Not run by the thread that has the frame, although that would save waking another: while the loop is on its way,
    // more frames come, and are flushed together. That was cheaper at every load but the lowest.
    private void Wake()
    {
        if (Volatile.Read(ref state) == Resting && Interlocked.CompareExchange(ref state, Queued, Resting) == Resting)
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    private bool TryRest()
    {
        // Whoever adds something after this store schedules the loop anew; what was added before it is seen here.
        Interlocked.Exchange(ref state, Resting);
        return (inbox.Reader.Count == 0 && actions.IsEmpty && !coalescing.IsDue)
            || Interlocked.CompareExchange(ref state, Running, Resting) != Resting;
    }

    /// <summary>Writes what waits, up to a batch, and flushes.</summary>
    /// <returns>Whether there may be more.</returns>
    private bool RunBatch()
    {
        int count = 0;
        while (count < MaxBatch && inbox.Reader.TryRead(out batch[count]))
            count++;
        // After the frames were taken, and before they are written: who joined before a frame was put gets it, also
        // when both came while this thread stood still in between.
        while (actions.TryDequeue(out var action))
            action();
        if (count > 0)
            Deliver(batch.AsSpan(0, count));
        if (coalescing.TakeDue())
            WriteHeld();
        FlushTouched();
        return count > 0 || !actions.IsEmpty;
    }

    private void Deliver(Span<Delivery> deliveries)
    {
        for (int i = 0; i < deliveries.Length; i++)
        {
            var (target, frame) = deliveries[i];
            switch (target)
            {
                case ChannelReceivers channel:
                    TakeTogether(deliveries[i..], channel);
                    WriteOrHold(channel.Of(this));
                    break;
                case Connection connection:
                    // Nothing comes after a close frame, so what came before it goes first.
                    if (frame.IsClose)
                        WriteHeld();
                    else if (coalescing.TryHoldBehind(connection, frame))
                        break;
                    connection.Write(frame);
                    Touch(connection);
                    break;
                case Action action:
                    WriteHeld();
                    action();
                    break;
            }
            deliveries[i] = default;
        }
    }

    /// <summary>
    /// Moves every frame of a channel out of the rest of a batch, up to the next turn: what is put behind one comes after it.
    /// </summary>
    private void TakeTogether(Span<Delivery> deliveries, ChannelReceivers channel)
    {
        foreach (ref var delivery in deliveries)
        {
            if (delivery.Target is Action)
                return;
            if (!ReferenceEquals(delivery.Target, channel))
                continue;
            together.Add(delivery.Frame);
            delivery = default;
        }
    }

    private void WriteOrHold(Receivers receivers)
    {
        if (!coalescing.TryHold(receivers, together))
            WriteAll(receivers, together);
        together.Clear();
    }

    private void WriteHeld()
    {
        foreach (var receivers in coalescing.Held)
            WriteAll(receivers, receivers.Held!);
        foreach (var (connection, frame) in coalescing.Behind)
        {
            connection.Write(frame);
            Touch(connection);
        }
        coalescing.Clear();
    }

    // All frames of one channel are written to one connection before the next connection is looked at: what belongs to
    // it is then in the cache once per batch instead of once per frame.
    private void WriteAll(Receivers receivers, List<Frame> frames)
    {
        foreach (var receiver in receivers.All)
        {
            bool wrote = false;
            foreach (var frame in CollectionsMarshal.AsSpan(frames))
            {
                if (!receiver.Accepts(frame))
                    continue;
                receiver.Write(frame);
                wrote = true;
            }
            if (wrote)
                Touch(receiver);
        }
        written.Add(receivers);
    }

    private void FlushTouched()
    {
        foreach (var connection in touched)
        {
            connection.Touched = false;
            connection.Flush();
        }
        touched.Clear();
        coalescing.NoteFlush(written);
        written.Clear();
    }

    /// <summary>
    /// A frame and whom it is for: one connection, or all that hear a channel. Or an action, and no frame.
    /// </summary>
    private readonly record struct Delivery(object? Target, Frame Frame);
}
