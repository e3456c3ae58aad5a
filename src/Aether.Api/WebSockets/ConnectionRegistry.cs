using System.Globalization;
using System.Runtime.InteropServices;
using Aether.Application;
using Aether.Application.Delivery;
using Aether.Domain;

namespace Aether.Api.WebSockets;

/// <summary>
/// The connections of this instance: how many there may be, the one clock that looks after all of them, and the drain.
/// </summary>
/// <param name="maxConnections">How many V3 connections there may be.</param>
/// <param name="maxLegacy">How many legacy connections there may be beside them.</param>
internal sealed class ConnectionRegistry(int maxConnections, int maxLegacy)
{
    /// <summary>How many legacy connections there may be where nothing is configured.</summary>
    private const int DefaultMaxLegacy = 10_000;

    private readonly List<SocketConnection> connections = [];
    private readonly Dictionary<string, long> closed = [];
    private readonly Lock gate = new();
    private TaskCompletionSource? empty;
    private long receivedByGone;
    private int legacy;
    private bool draining;

    /// <summary>Creates one with the shares that are configured.</summary>
    public ConnectionRegistry(RealtimeOptions options)
        : this(options.MaxConnections, MaxLegacy(options))
    {
    }

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

    /// <summary>
    /// How many messages clients have sent since the start. Every connection counts its own anyway, so that they are
    /// only added up when somebody asks, and a message costs nothing more.
    /// </summary>
    public long Received
    {
        get
        {
            lock (gate)
                return receivedByGone + connections.Sum(connection => connection.Received);
        }
    }

    /// <summary>How many connections have ended since the start, by close code.</summary>
    public IReadOnlyList<KeyValuePair<string, long>> Closed
    {
        get
        {
            lock (gate)
                return [.. closed];
        }
    }

    /// <summary>Whether there is room for one more of V3's.</summary>
    public bool HasRoom
    {
        get
        {
            lock (gate)
                return !draining && IsRoomFor(isLegacy: false);
        }
    }

    /// <summary>How many legacy connections an instance takes at most.</summary>
    public static int MaxLegacy(RealtimeOptions options) =>
        options.Legacy.MaxConnections ?? Math.Min(DefaultMaxLegacy, options.MaxConnections);

    /// <summary>
    /// Takes a connection in, unless the instance stops, or has no room left in the connection's share. Legacy ones have
    /// one of their own: anybody may open them, and must not take the room of those who show a key.
    /// </summary>
    public bool TryAdd(SocketConnection connection)
    {
        lock (gate)
        {
            if (draining || !IsRoomFor(connection.IsLegacy))
                return false;
            if (connection.IsLegacy)
                legacy++;
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
            if (connection.IsLegacy)
                legacy--;
            receivedByGone += connection.Received;
            // None: it was never open.
            if (connection.Reason is { } reason)
                CollectionsMarshal.GetValueRefOrAddDefault(closed, NameOf(reason), out _)++;
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
        // One action per loop, however many there are to ping.
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

    private bool IsRoomFor(bool isLegacy) =>
        isLegacy ? legacy < maxLegacy : connections.Count - legacy < maxConnections;

    // What a client may choose must not become any number of time series, nor look like a decision of the server's.
    private static string NameOf(CloseReason reason) =>
        reason.IsAnswer && reason.Code is not (1000 or 1001)
            ? "other"
            : reason.Code.ToString(CultureInfo.InvariantCulture);
}
