using System.Globalization;
using Xunit;

namespace Aether.Tests.Shared;

/// <summary>
/// A Redis Cluster of three primaries, each with one replica, on this machine. It notices a dead node within a second.
/// </summary>
public sealed class RedisCluster : IAsyncLifetime
{
    private const int Shards = 3;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly List<RedisServer> nodes = [];

    /// <summary>What goes into <c>ConnectionStrings:Redis</c>.</summary>
    public string ConnectionString => string.Join(',', nodes.Select(node => node.ConnectionString));

    /// <summary>All nodes: at first three primaries, then their replicas.</summary>
    internal IReadOnlyList<RedisServer> Nodes => nodes;

    /// <summary>Starts a cluster and waits until all of it serves.</summary>
    public static async Task<RedisCluster> StartAsync()
    {
        var cluster = new RedisCluster();
        try
        {
            await cluster.BeginAsync();
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>The primary that owns a slot, as the nodes that are up say by majority.</summary>
    internal async Task<RedisServer> OwnerAsync(int slot)
    {
        RedisServer? owner = null;
        await Eventually.HoldsAsync(
            async () =>
            {
                foreach (var node in nodes.Where(node => node.IsRunning))
                {
                    string mine = await MyselfAsync(node);
                    if (mine.Contains("master", StringComparison.Ordinal) && Owns(mine, slot))
                        owner = node;
                }
                return owner is not null;
            },
            Patience);
        return owner!;
    }

    /// <summary>The replica of a primary.</summary>
    internal async Task<RedisServer> ReplicaOfAsync(RedisServer primary)
    {
        string id = await primary.RunAsync("CLUSTER", "MYID");
        foreach (var node in nodes.Where(node => node.IsRunning && node != primary))
        {
            if ((await MyselfAsync(node)).Contains(id, StringComparison.Ordinal))
                return node;
        }
        throw new InvalidOperationException("the primary has no replica");
    }

    /// <summary>The slot that a channel or key lies in.</summary>
    internal async Task<int> SlotAsync(string name) => int.Parse(
        await nodes.First(node => node.IsRunning).RunAsync("CLUSTER", "KEYSLOT", name), CultureInfo.InvariantCulture);

    /// <summary>The primaries that are up. After a failover they are not those of the beginning.</summary>
    internal async Task<IReadOnlyList<RedisServer>> PrimariesAsync()
    {
        var primaries = new List<RedisServer>();
        foreach (var node in nodes.Where(node => node.IsRunning))
        {
            if ((await MyselfAsync(node)).Contains("master", StringComparison.Ordinal))
                primaries.Add(node);
        }
        return primaries;
    }

    /// <summary>Moves a slot to another primary, as <c>redis-cli --cluster reshard</c> does.</summary>
    internal async Task MoveAsync(int slot, RedisServer to)
    {
        var from = await OwnerAsync(slot);
        string source = await from.RunAsync("CLUSTER", "MYID"), target = await to.RunAsync("CLUSTER", "MYID");
        await SetSlotAsync(to, slot, "IMPORTING", source);
        await SetSlotAsync(from, slot, "MIGRATING", target);
        while (await from.RunAsync("CLUSTER", "GETKEYSINSLOT", $"{slot}", "100") is { Length: > 0 } keys)
        {
            foreach (string key in keys.Split('\n'))
                Assert.Equal("OK", await from.RunAsync("MIGRATE", "127.0.0.1", $"{to.Port}", key, "0", "5000"));
        }
        await SetSlotAsync(to, slot, "NODE", target);
        await SetSlotAsync(from, slot, "NODE", target);
        foreach (var node in await PrimariesAsync())
        {
            if (node != to && node != from)
                await SetSlotAsync(node, slot, "NODE", target);
        }
    }

    /// <summary>Waits until a node knows which server has got a slot.</summary>
    internal static async Task WaitUntilKnownAsync(RedisServer node, int slot, RedisServer owner)
    {
        string id = await owner.RunAsync("CLUSTER", "MYID");
        await Eventually.HoldsAsync(
            async () => (await node.RunAsync("CLUSTER", "NODES")).Split('\n')
                .Any(line => line.StartsWith(id, StringComparison.Ordinal) && Owns(line, slot)),
            Patience);
    }

    /// <summary>Starts again what is down, and waits until all of it serves.</summary>
    internal async Task HealAsync()
    {
        foreach (var node in nodes.Where(node => !node.IsRunning))
            await node.StartAgainAsync();
        await WaitUntilWholeAsync();
    }

    /// <inheritdoc/>
    public async ValueTask InitializeAsync() => await BeginAsync();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var node in nodes)
            await node.DisposeAsync();
    }

    private async Task BeginAsync()
    {
        for (int i = 0; i < 2 * Shards; i++)
        {
            nodes.Add(RedisServer.Create(
                "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-node-timeout", "1500",
                "--cluster-port", $"{Ports.Next()}", "--cluster-replica-validity-factor", "0",
                "--repl-diskless-sync-delay", "0"));
        }
        await Task.WhenAll(nodes.Select(node => node.StartAgainAsync()));
        for (int i = 0; i < Shards; i++)
        {
            // An epoch of its own for each, or they would settle it among themselves first.
            await nodes[i].RunAsync("CLUSTER", "SET-CONFIG-EPOCH", $"{i + 1}");
            await nodes[i].RunAsync("CLUSTER", "ADDSLOTSRANGE", $"{First(i)}", $"{First(i + 1) - 1}");
        }
        string bus = (await MyselfAsync(nodes[0])).Split(' ')[1].Split('@')[1].Split(',')[0];
        foreach (var node in nodes.Skip(1))
            await node.RunAsync("CLUSTER", "MEET", "127.0.0.1", $"{nodes[0].Port}", bus);
        for (int i = 0; i < Shards; i++)
        {
            var replica = nodes[Shards + i];
            string id = await nodes[i].RunAsync("CLUSTER", "MYID");
            await Eventually.HoldsAsync(async () => await replica.RunAsync("CLUSTER", "REPLICATE", id) == "OK", Patience);
        }
        await WaitUntilWholeAsync();
    }

    private Task WaitUntilWholeAsync() => Eventually.HoldsAsync(
        async () =>
        {
            foreach (var node in nodes)
            {
                string info = await node.RunAsync("CLUSTER", "INFO"), list = await node.RunAsync("CLUSTER", "NODES");
                if (!info.Contains("cluster_state:ok", StringComparison.Ordinal)
                    || !info.Contains("cluster_slots_ok:16384", StringComparison.Ordinal)
                    || list.Split('\n').Length != nodes.Count
                    || list.Contains("fail", StringComparison.Ordinal)
                    || list.Contains("handshake", StringComparison.Ordinal))
                    return false;
                if ((await MyselfAsync(node)).Contains("slave", StringComparison.Ordinal)
                    && !(await node.RunAsync("INFO", "replication")).Contains("link_status:up", StringComparison.Ordinal))
                    return false;
            }
            return true;
        },
        Patience);

    /// <summary>A replica refuses this, and a move that was refused would look like one that nobody noticed.</summary>
    private static async Task SetSlotAsync(RedisServer node, int slot, string state, string id) =>
        Assert.Equal("OK", await node.RunAsync("CLUSTER", "SETSLOT", $"{slot}", state, id));

    private static int First(int shard) => 16384 * shard / Shards;

    private static async Task<string> MyselfAsync(RedisServer node) =>
        (await node.RunAsync("CLUSTER", "NODES")).Split('\n').First(line => line.Contains("myself", StringComparison.Ordinal));

    private static bool Owns(string line, int slot)
    {
        foreach (string range in line.Split(' ').Skip(8).Where(part => part[0] != '['))
        {
            string[] ends = range.Split('-');
            int from = int.Parse(ends[0], CultureInfo.InvariantCulture);
            if (slot >= from && slot <= int.Parse(ends[^1], CultureInfo.InvariantCulture))
                return true;
        }
        return false;
    }
}
