using Aether.Application.Delivery;

namespace Aether.Api.WebSockets;

/// <summary>
/// The connections of this instance: how many there may be, the one clock that looks after all of them, and the drain.
/// </summary>
internal sealed class ConnectionRegistry(int maxConnections)
{
    private readonly List<SocketConnection> connections = [];
    private readonly Lock gate = new();
    private TaskCompletionSource? empty;
    private bool draining;

    /// <summary>Whether no new connection is taken because the instance stops.</summary>
    public bool Draining => Volatile.Read(ref draining);

    /// <summary>How many connections there are, those that are only opening included.</summary>
    public int Count
    {
        get
        {
            lock (gate)
                return connections.Count;
        }
    }

    /// <summary>Whether there is room for one more.</summary>
    public bool HasRoom => !Draining && Count < maxConnections;

    /// <summary>Takes a connection in, unless the instance is full or stops.</summary>
    public bool TryAdd(SocketConnection connection)
    {
        lock (gate)
        {
            if (draining || connections.Count >= maxConnections)
                return false;
            connection.Slot = connections.Count;
            connections.Add(connection);
            return true;
        }
    }

    /// <summary>Forgets a connection that ended.</summary>
    public void Remove(SocketConnection connection)
    {
        lock (gate)
        {
            var last = connections[^1];
            connections[connection.Slot] = last;
            last.Slot = connection.Slot;
            connections.RemoveAt(connections.Count - 1);
            if (connections.Count == 0)
                empty?.TrySetResult();
        }
    }

    /// <summary>Looks at the clock for every connection, and pings those that have been silent.</summary>
    public void Check(long nowMs)
    {
        List<SocketConnection>? silent = null;
        lock (gate)
        {
            foreach (var connection in connections)
            {
                if (connection.Check(nowMs))
                    (silent ??= []).Add(connection);
            }
        }
        // One turn per loop, however many there are to ping.
        foreach (var byLoop in (silent ?? []).GroupBy(connection => connection.Loop))
            byLoop.Key.Run(() => DeliveryLoop.SendAll(byLoop, Frame.KeepAlive));
    }

    /// <summary>The connections that are there now and fit.</summary>
    public IReadOnlyList<SocketConnection> Where(Func<SocketConnection, bool> predicate)
    {
        lock (gate)
            return [.. connections.Where(predicate)];
    }

    /// <summary>Takes no new connection from now on.</summary>
    /// <returns>Those that are there.</returns>
    public IReadOnlyList<SocketConnection> BeginDrain()
    {
        lock (gate)
        {
            Volatile.Write(ref draining, true);
            empty ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            if (connections.Count == 0)
                empty.TrySetResult();
            return [.. connections];
        }
    }

    /// <summary>Completes when the last connection has gone, after <see cref="BeginDrain"/>.</summary>
    public Task WhenEmpty() => empty?.Task ?? Task.CompletedTask;
}
