namespace Aether.Load.Net;

/// <summary>All connections of the driver, on one thread: waits for the kernel, hands out events, writes what was queued.</summary>
internal sealed class EventLoop : IDisposable
{
    private const int EventsAtOnce = 512;
    private const int ReceiveBytes = 256 * 1024;

    private readonly int poll = Native.CreatePoll();
    private readonly byte[] events = new byte[EventsAtOnce * PollEvent.MaxSize];
    private readonly byte[] received = new byte[ReceiveBytes];
    private readonly List<LoadConnection> unwritten = [];
    private LoadConnection?[] connections = new LoadConnection?[1024];
    private uint generation;

    /// <summary>Nothing is counted as an error any more once the run is over.</summary>
    public bool IsStopped { get; private set; }

    /// <summary>Writes what is queued, waits for events at most that long, and hands them out.</summary>
    public void Turn(TimeSpan timeout)
    {
        Flush();
        int count = Native.Wait(poll, events, timeout);
        for (int i = 0; i < count; i++)
        {
            var (what, data) = PollEvent.Read(events.AsSpan(i * PollEvent.Size));
            // A socket that an earlier event of this turn closed may have given its number to another one.
            if (connections[(int)(uint)data] is { } connection && connection.Generation == (uint)(data >> 32))
                connection.OnReady(what, received);
        }
        Flush();
    }

    /// <summary>Turns until a condition holds; false if it did not within that time.</summary>
    public bool TurnUntil(Func<bool> condition, TimeSpan limit)
    {
        var clock = System.Diagnostics.Stopwatch.StartNew();
        while (!condition())
        {
            if (clock.Elapsed > limit)
                return false;
            Turn(TimeSpan.FromMilliseconds(10));
        }
        return true;
    }

    /// <summary>Turns for a while.</summary>
    public void TurnFor(TimeSpan time) => TurnUntil(() => false, time);

    /// <inheritdoc/>
    public void Dispose()
    {
        IsStopped = true;
        foreach (var connection in connections)
            connection?.Close(fault: null);
        Native.Close(poll);
    }

    internal uint Register(LoadConnection connection, int socket)
    {
        if (socket >= connections.Length)
            Array.Resize(ref connections, Math.Max(socket + 1, connections.Length * 2));
        connections[socket] = connection;
        generation++;
        Native.Watch(poll, Native.Add, socket, Native.In | Native.Out, Data(socket, generation));
        return generation;
    }

    internal void Watch(LoadConnection connection, int socket, bool writable) =>
        Native.Watch(poll, Native.Modify, socket, writable ? Native.In | Native.Out : Native.In,
            Data(socket, connection.Generation));

    internal void Forget(int socket) => connections[socket] = null;

    internal void WriteSoon(LoadConnection connection) => unwritten.Add(connection);

    private static ulong Data(int socket, uint generation) => ((ulong)generation << 32) | (uint)socket;

    private void Flush()
    {
        // What is queued while this runs (a connection that fails tells its owner) is written as well.
        for (int i = 0; i < unwritten.Count; i++)
            unwritten[i].Write();
        unwritten.Clear();
    }
}
