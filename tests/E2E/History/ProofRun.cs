using System.Net.WebSockets;

namespace Aether.Tests.E2E.History;

/// <summary>
/// Senders and receivers over two instances on one Redis, while instances are killed, subscriptions are cut, Redis is
/// restarted with its data and clients come and go. At the end it says what was lost, came twice or in another order.
/// </summary>
internal sealed class ProofRun : IAsyncDisposable
{
    /// <summary>The group of all.</summary>
    public const string Group = "proof";

    private static readonly Dictionary<string, string> Options = new()
    {
        ["History:Messages"] = "100000",
        ["History:Ttl"] = "3600",
        ["Presence:Lease"] = "3",
    };

    private readonly RedisServer redis;
    private readonly ServerProcess?[] instances = new ServerProcess?[2];
    private readonly Random random = new(7);
    private volatile bool isRedisAway;

    private ProofRun(RedisServer redis)
    {
        this.redis = redis;
        Outages = new Outages(IsAnybodyThereAsync);
    }

    /// <summary>When Redis or every instance was away.</summary>
    public Outages Outages { get; }

    /// <summary>How often each thing was done to them.</summary>
    public SortedDictionary<string, int> Done { get; } = new(StringComparer.Ordinal);

    /// <summary>Starts a Redis that keeps its data, and two instances.</summary>
    public static async Task<ProofRun> StartAsync()
    {
        var run = new ProofRun(await RedisServer.StartAsync("--appendonly", "yes", "--appendfsync", "always"));
        try
        {
            for (int i = 0; i < run.instances.Length; i++)
                run.instances[i] = await TwoInstances.StartServerAsync(run.redis.ConnectionString, Options);
            return run;
        }
        catch
        {
            await run.DisposeAsync();
            throw;
        }
    }

    /// <summary>Whether something failed in a way in which things fail while their other side is killed.</summary>
    public static bool IsOutage(Exception fault) =>
        fault is WebSocketException or InvalidOperationException or TimeoutException or OperationCanceledException
            or IOException or ObjectDisposedException;

    /// <summary>Any instance that is there.</summary>
    public ServerProcess Pick()
    {
        lock (random)
        {
            var there = instances.OfType<ServerProcess>().Where(one => !one.HasExited).ToArray();
            return there.Length == 0
                ? throw new InvalidOperationException("no instance is there")
                : there[random.Next(there.Length)];
        }
    }

    /// <summary>Does something to them every now and then.</summary>
    public async Task DisturbAsync(TimeSpan every, CancellationToken stop)
    {
        string[] kinds = ["kill an instance", "cut subscriptions", "cut commands", "restart Redis"];
        for (int turn = 0; !stop.IsCancellationRequested; turn++)
        {
            await Task.Delay(every, CancellationToken.None);
            string kind = kinds[turn % kinds.Length];
            Done[kind] = Done.GetValueOrDefault(kind) + 1;
            switch (kind)
            {
                case "kill an instance":
                    await ReplaceAsync(turn / kinds.Length % instances.Length);
                    break;
                case "cut subscriptions":
                    await redis.RunAsync("CLIENT", "KILL", "TYPE", "pubsub");
                    break;
                case "cut commands":
                    await redis.RunAsync("CLIENT", "KILL", "TYPE", "normal");
                    break;
                default:
                    isRedisAway = true;
                    await redis.RestartAsync();
                    isRedisAway = false;
                    break;
            }
        }
    }

    /// <summary>Waits until every instance is ready.</summary>
    public async Task WaitUntilReadyAsync()
    {
        foreach (var instance in instances)
            await TwoInstances.WaitUntilReadyAsync(instance!, TimeSpan.FromSeconds(60));
    }

    /// <summary>Where the group's stream ends, as Redis has it.</summary>
    public async Task<long> EndOfGroupAsync() => long.Parse(
        await redis.RunAsync("HGET", $"ws:place:{{ws:group:{Group}}}", "s"),
        System.Globalization.CultureInfo.InvariantCulture);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Outages.DisposeAsync();
        foreach (var instance in instances)
        {
            if (instance is not null)
                await instance.DisposeAsync();
        }
        await redis.DisposeAsync();
    }

    private async Task<bool> IsAnybodyThereAsync()
    {
        ServerProcess[] there;
        lock (random)
            there = [.. instances.OfType<ServerProcess>().Where(one => !one.HasExited)];
        foreach (var instance in there)
        {
            try
            {
                if (!isRedisAway && await TwoInstances.StatusAsync(instance, "/health/ready") == 200)
                    return true;
            }
            catch (Exception fault) when (fault is HttpRequestException || IsOutage(fault))
            {
                // It was killed in between.
            }
        }
        return false;
    }

    private async Task ReplaceAsync(int index)
    {
        ServerProcess old;
        lock (random)
        {
            old = instances[index]!;
            instances[index] = null;
        }
        old.Kill();
        await old.DisposeAsync();
        // Redis may be on its way back as well: not ready is no reason not to start.
        var next = await TwoInstances.StartServerAsync(redis.ConnectionString, Options, ready: false);
        lock (random)
            instances[index] = next;
    }
}
