using System.Globalization;

namespace Aether.Tests.Shared;

/// <summary>
/// A primary and a replica that three Sentinels watch, two of whom have to agree. They notice a dead primary within a
/// second.
/// </summary>
internal sealed class RedisSentinels : IAsyncDisposable
{
    private const string Service = "aether";
    private const int Count = 3;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly List<RedisServer> sentinels = [];
    private readonly List<RedisServer> servers = [];

    /// <summary>What goes into <c>ConnectionStrings:Redis</c>.</summary>
    public string ConnectionString =>
        string.Join(',', sentinels.Select(one => one.ConnectionString)) + ",serviceName=" + Service;

    /// <summary>The servers with data: at first the primary, then its replica.</summary>
    public IReadOnlyList<RedisServer> Servers => servers;

    /// <summary>The Sentinels.</summary>
    public IReadOnlyList<RedisServer> Watchers => sentinels;

    /// <summary>Starts all of them, and waits until the Sentinels know each other and the replica.</summary>
    public static async Task<RedisSentinels> StartAsync()
    {
        var started = new RedisSentinels();
        try
        {
            await started.BeginAsync();
            return started;
        }
        catch
        {
            await started.DisposeAsync();
            throw;
        }
    }

    /// <summary>For how long a primary may be silent before it is dead to the Sentinels.</summary>
    public async Task SetPatienceAsync(TimeSpan silence)
    {
        string milliseconds = silence.TotalMilliseconds.ToString(CultureInfo.InvariantCulture);
        foreach (var one in sentinels.Where(one => one.IsRunning))
            await one.RunAsync("SENTINEL", "SET", Service, "down-after-milliseconds", milliseconds);
    }

    /// <summary>Starts again what is down, and waits until there is one primary with one replica.</summary>
    public async Task HealAsync()
    {
        foreach (var one in servers.Concat(sentinels).Where(one => !one.IsRunning))
            await one.StartAgainAsync();
        await Eventually.HoldsAsync(IsWholeAsync, Patience);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var one in sentinels.Concat(servers))
            await one.DisposeAsync();
    }

    private async Task BeginAsync()
    {
        servers.Add(await RedisServer.StartAsync("--repl-diskless-sync-delay", "0"));
        servers.Add(await RedisServer.StartReplicaAsync(servers[0]));
        for (int i = 0; i < Count; i++)
            sentinels.Add(await RedisServer.StartSentinelAsync(servers[0], Service, quorum: 2));
        await Eventually.HoldsAsync(IsWholeAsync, Patience);
    }

    private async Task<bool> IsWholeAsync()
    {
        int replicas = 0;
        foreach (var one in servers)
        {
            string replication = await one.RunAsync("INFO", "replication");
            if (replication.Contains("master_link_status:up", StringComparison.Ordinal))
                replicas++;
        }
        if (replicas != 1)
            return false;
        foreach (var one in sentinels)
        {
            string quorum = await one.RunAsync("SENTINEL", "CKQUORUM", Service);
            string known = await one.RunAsync("SENTINEL", "REPLICAS", Service);
            if (!quorum.StartsWith($"OK {Count} usable", StringComparison.Ordinal)
                || !servers.Any(server => known.Contains(server.ConnectionString, StringComparison.Ordinal)))
                return false;
        }
        return true;
    }
}
