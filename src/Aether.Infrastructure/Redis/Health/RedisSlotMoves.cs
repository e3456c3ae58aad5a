using System.Collections.Concurrent;
using System.Net;
using Aether.Infrastructure.Redis.Connections;
using StackExchange.Redis;

namespace Aether.Infrastructure.Redis.Health;

/// <summary>
/// Which slots of a cluster have changed their server lately, as far as this instance has found out. Redis ends the
/// subscriptions of a slot that moves, so for some moments nobody is counted of those who are about to come back.
/// </summary>
internal sealed class RedisSlotMoves
{
    private const int Slots = 16_384;

    private readonly RedisConnection connection;
    private readonly TimeProvider time;
    private readonly ConcurrentDictionary<int, long> moved = new();
    private readonly Dictionary<EndPoint, ClusterConfiguration> seen = [];
    private readonly EndPoint?[] owners = new EndPoint?[Slots];
    private readonly Lock gate = new();

    public RedisSlotMoves(RedisConnection connection, TimeProvider time)
    {
        (this.connection, this.time) = (connection, time);
        // A server that has lost the slot said so.
        connection.SlotMoved += slot => moved[slot] = time.GetTimestamp();
    }

    /// <summary>Whether a channel's slot was found on another server than before, not longer ago than some time.</summary>
    public bool HasMoved(RedisChannel channel, TimeSpan within)
    {
        if (connection.CommandConnection is not { } commands)
            return false;
        Look();
        var key = RedisNames.KeyBeside(channel);
        int slot = commands.HashSlot(key);
        // The client library takes a cluster of one server for one without slots: then none can move.
        if (slot < 0)
            return false;
        lock (gate)
        {
            // Where a publish goes now. The event of a slot that moved may come later than the answer to the publish.
            Note(slot, commands.GetServer(key, flags: RedisConnection.Primary).EndPoint);
        }
        return moved.TryGetValue(slot, out long at) && time.GetElapsedTime(at) < within;
    }

    /// <summary>
    /// Compares what the client library has been told of all slots with what it had been told before. Nothing is asked;
    /// the library asks by itself from time to time, and then goes to the new server without being sent there.
    /// </summary>
    public void Look()
    {
        lock (gate)
        {
            foreach (var server in connection.CommandServers)
            {
                if (server.ClusterConfiguration is not { } told
                    || (seen.TryGetValue(server.EndPoint, out var before) && ReferenceEquals(before, told)))
                    continue;
                seen[server.EndPoint] = told;
                foreach (var node in told.Nodes)
                {
                    if (!node.IsReplica && node.EndPoint is { } owner)
                        Compare(node, owner);
                }
            }
        }
    }

    private void Compare(ClusterNode node, EndPoint owner)
    {
        foreach (var range in node.Slots)
        {
            for (int slot = range.From; slot <= range.To; slot++)
                Note(slot, owner);
        }
    }

    private void Note(int slot, EndPoint owner)
    {
        if (owners[slot] is { } before && !before.Equals(owner))
            moved[slot] = time.GetTimestamp();
        owners[slot] = owner;
    }
}
