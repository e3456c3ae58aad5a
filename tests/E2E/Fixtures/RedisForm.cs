using Xunit;

namespace Aether.Tests.E2E;

/// <summary>Redis in one of the forms in which it is deployed to stay when a server dies.</summary>
public abstract class RedisForm : IAsyncLifetime
{
    /// <summary>How long a failover may take on a busy machine.</summary>
    protected static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>What goes into <c>ConnectionStrings:Redis</c>.</summary>
    public abstract string ConnectionString { get; }

    /// <summary>The command that counts who hears a channel.</summary>
    public virtual string CountOfChannel => "NUMSUB";

    /// <summary>All servers with data, also those that are down.</summary>
    internal abstract IReadOnlyList<RedisServer> Servers { get; }

    /// <inheritdoc/>
    public abstract ValueTask InitializeAsync();

    /// <inheritdoc/>
    public abstract ValueTask DisposeAsync();

    /// <summary>Lets nobody be promoted, or lets it be as it was at first.</summary>
    public virtual Task HoldFailoversAsync(bool hold) => Task.CompletedTask;

    /// <summary>Starts again what is down, and waits until each primary has its replica.</summary>
    public abstract Task HealAsync();

    /// <summary>The primary that a channel or key lies on.</summary>
    internal virtual async Task<RedisServer> OwnerAsync(string name)
    {
        RedisServer? owner = null;
        await Eventually.HoldsAsync(
            async () =>
            {
                foreach (var server in Servers.Where(server => server.IsRunning))
                {
                    if (await server.IsPrimaryAsync())
                        owner = server;
                }
                return owner is not null;
            },
            "there is a primary",
            Patience);
        return owner!;
    }

    /// <summary>The replica of a primary.</summary>
    internal virtual Task<RedisServer> ReplicaOfAsync(RedisServer primary) =>
        Task.FromResult(Servers.Single(server => server != primary));

    /// <summary>Waits until a replica has taken the place of a primary that died.</summary>
    internal virtual Task SucceedAsync(RedisServer replica) =>
        Eventually.HoldsAsync(replica.IsPrimaryAsync, "the replica is promoted", Patience);
}

/// <summary>A primary and a replica that the connection string names, and an operator who promotes.</summary>
public sealed class PrimaryAndReplica : RedisForm
{
    private readonly List<RedisServer> servers = [];

    /// <inheritdoc/>
    public override string ConnectionString => string.Join(',', servers.Select(server => server.ConnectionString));

    internal override IReadOnlyList<RedisServer> Servers => servers;

    /// <inheritdoc/>
    public override async ValueTask InitializeAsync()
    {
        servers.Add(await RedisServer.StartAsync("--repl-diskless-sync-delay", "0"));
        servers.Add(await RedisServer.StartReplicaAsync(servers[0]));
    }

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        foreach (var server in servers)
            await server.DisposeAsync();
    }

    /// <inheritdoc/>
    public override async Task HealAsync()
    {
        foreach (var dead in servers.Where(server => !server.IsRunning))
        {
            await dead.StartAgainAsync();
            await dead.RunAsync("REPLICAOF", "127.0.0.1", $"{(await ReplicaOfAsync(dead)).Port}");
            await dead.WaitUntilInSyncAsync();
        }
    }

    internal override async Task SucceedAsync(RedisServer replica)
    {
        await replica.RunAsync("REPLICAOF", "NO", "ONE");
        await base.SucceedAsync(replica);
    }
}

/// <summary>A primary and a replica behind three Sentinels.</summary>
public sealed class BehindSentinels : RedisForm
{
    private RedisSentinels? redis;

    /// <inheritdoc/>
    public override string ConnectionString => redis!.ConnectionString;

    internal override IReadOnlyList<RedisServer> Servers => redis!.Servers;

    /// <inheritdoc/>
    public override async ValueTask InitializeAsync() => redis = await RedisSentinels.StartAsync();

    /// <inheritdoc/>
    public override ValueTask DisposeAsync() => redis?.DisposeAsync() ?? ValueTask.CompletedTask;

    /// <inheritdoc/>
    public override Task HoldFailoversAsync(bool hold) =>
        redis!.SetPatienceAsync(TimeSpan.FromSeconds(hold ? 120 : 1));

    /// <inheritdoc/>
    public override Task HealAsync() => redis!.HealAsync();
}

/// <summary>A cluster of three primaries with a replica each.</summary>
public sealed class ThreeShards : RedisForm
{
    private RedisCluster? redis;

    /// <inheritdoc/>
    public override string ConnectionString => redis!.ConnectionString;

    /// <inheritdoc/>
    public override string CountOfChannel => "SHARDNUMSUB";

    internal override IReadOnlyList<RedisServer> Servers => redis!.Nodes;

    /// <inheritdoc/>
    public override async ValueTask InitializeAsync() => redis = await RedisCluster.StartAsync();

    /// <inheritdoc/>
    public override ValueTask DisposeAsync() => redis?.DisposeAsync() ?? ValueTask.CompletedTask;

    /// <inheritdoc/>
    public override async Task HoldFailoversAsync(bool hold)
    {
        foreach (var node in Servers)
            await node.RunAsync("CONFIG", "SET", "cluster-node-timeout", hold ? "120000" : "1500");
    }

    /// <inheritdoc/>
    public override Task HealAsync() => redis!.HealAsync();

    internal override async Task<RedisServer> OwnerAsync(string name) =>
        await redis!.OwnerAsync(await redis.SlotAsync(name));

    internal override Task<RedisServer> ReplicaOfAsync(RedisServer primary) => redis!.ReplicaOfAsync(primary);
}
