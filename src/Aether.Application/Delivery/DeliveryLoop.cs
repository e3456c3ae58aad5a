using System.Collections.Concurrent;
using System.Threading.Channels;

namespace Aether.Application.Delivery;

/// <summary>
/// Writes to the connections that belong to it, and is the only one that does: no locks, and no task or queue for each
/// connection. It runs on the thread pool while there is something to do. It never waits for a socket.
/// </summary>
public sealed class DeliveryLoop : IThreadPoolWorkItem
{
    /// <summary>How many frames are written before the connections are flushed.</summary>
    private const int MaxBatch = 64;

    private readonly Channel<Delivery> inbox;
    private readonly ConcurrentQueue<Action> turns = new();
    private readonly Delivery[] batch = new Delivery[MaxBatch];
    private readonly List<Connection> touched = [];
    private int scheduled;

    /// <summary>Creates a loop.</summary>
    /// <param name="index">Its place among the loops of the instance.</param>
    /// <param name="capacity">How many frames may wait for it.</param>
    internal DeliveryLoop(int index, int capacity)
    {
        Index = index;
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
    public void Run(Action turn)
    {
        turns.Enqueue(turn);
        Wake();
    }

    /// <summary>
    /// Runs something in the loop after what was put before it; completes when there was room for it.
    /// </summary>
    public ValueTask RunAfterAsync(Action turn) => PutAsync(new Delivery(turn, Frame.KeepAlive));

    /// <summary>Writes a frame to connections of one loop at once. Only from a turn of that loop.</summary>
    public static void SendAll(IEnumerable<Connection> connections, Frame frame)
    {
        foreach (var connection in connections)
        {
            connection.Write(frame);
            connection.Loop.Touch(connection);
        }
    }

    void IThreadPoolWorkItem.Execute()
    {
        while (true)
        {
            while (turns.TryDequeue(out var turn))
                turn();
            int count = 0;
            while (count < MaxBatch && inbox.Reader.TryRead(out batch[count]))
                count++;
            if (count > 0)
                Deliver(batch.AsSpan(0, count));
            FlushTouched();
            if (count > 0 || !turns.IsEmpty)
                continue;
            // Whoever adds something after this store schedules the loop anew; what was added before it is seen here.
            Interlocked.Exchange(ref scheduled, 0);
            if ((inbox.Reader.Count == 0 && turns.IsEmpty) || Interlocked.Exchange(ref scheduled, 1) != 0)
                return;
        }
    }

    internal bool TryPut(ChannelReceivers channel, Frame frame)
    {
        if (!inbox.Writer.TryWrite(new Delivery(channel, frame)))
            return false;
        Wake();
        return true;
    }

    internal ValueTask PutAsync(ChannelReceivers channel, Frame frame) => PutAsync(new Delivery(channel, frame));

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

    private void Wake()
    {
        if (Volatile.Read(ref scheduled) == 0 && Interlocked.Exchange(ref scheduled, 1) == 0)
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    // All frames of one channel are written to one connection before the next connection is looked at: what belongs to
    // it is then in the cache once per batch instead of once per frame.
    private void Deliver(Span<Delivery> deliveries)
    {
        for (int i = 0; i < deliveries.Length; i++)
        {
            object? target = deliveries[i].Target;
            if (target is null)
                continue;
            if (target is Connection connection)
            {
                connection.Write(deliveries[i].Frame);
                Touch(connection);
            }
            else if (target is Action turn)
            {
                turn();
            }
            else
            {
                var same = deliveries[i..];
                foreach (var receiver in ((ChannelReceivers)target).Of(this).All)
                    WriteAll(receiver, same, target);
                foreach (ref var delivery in same)
                {
                    if (delivery.Target == target)
                        delivery = default;
                }
            }
            deliveries[i] = default;
        }
    }

    private void WriteAll(Connection receiver, Span<Delivery> deliveries, object target)
    {
        bool wrote = false;
        foreach (ref readonly var delivery in deliveries)
        {
            if (delivery.Target != target || !receiver.Wants(delivery.Frame))
                continue;
            receiver.Write(delivery.Frame);
            wrote = true;
        }
        if (wrote)
            Touch(receiver);
    }

    private void FlushTouched()
    {
        foreach (var connection in touched)
        {
            connection.Touched = false;
            connection.Flush();
        }
        touched.Clear();
    }

    /// <summary>
    /// A frame and whom it is for: one connection, or all that hear a channel. Or a turn, and no frame.
    /// </summary>
    private readonly record struct Delivery(object? Target, Frame Frame);
}
