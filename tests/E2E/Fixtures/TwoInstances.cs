using Xunit;

namespace Aether.Tests.E2E;

/// <summary>
/// Two servers on one Redis that nobody else uses. As a class's fixture it takes the options as they are.
/// </summary>
public sealed class TwoInstances : IAsyncLifetime
{
    /// <summary>The subprotocol of the full profile.</summary>
    public static readonly string[] Full = ["aether.v3"];

    private RedisServer? redis;
    private ServerProcess? a;
    private ServerProcess? b;
    private int groups;

    /// <summary>The one instance.</summary>
    public ServerProcess A => a!;

    /// <summary>The other instance.</summary>
    public ServerProcess B => b!;

    /// <summary>What is between them.</summary>
    internal RedisServer Redis => redis!;

    /// <summary>Starts everything.</summary>
    /// <param name="realtime">Options below <c>Aether:Realtime</c>, of both.</param>
    public static async Task<TwoInstances> StartAsync(Dictionary<string, string>? realtime = null)
    {
        var instances = new TwoInstances();
        try
        {
            await instances.BeginAsync(realtime);
            return instances;
        }
        catch
        {
            await instances.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts one server on a Redis, and waits until it is ready unless that is not to be expected.</summary>
    public static async Task<ServerProcess> StartServerAsync(
        string redis, Dictionary<string, string>? realtime = null, bool ready = true)
    {
        var server = await ServerProcess.StartAsync(realtime, new() { ["ConnectionStrings:Redis"] = redis });
        if (ready)
            await WaitUntilReadyAsync(server);
        return server;
    }

    /// <summary>Waits until a server takes connections.</summary>
    public static async Task WaitUntilReadyAsync(ServerProcess server, TimeSpan? within = null)
    {
        await Eventually.HoldsAsync(
            async () => await StatusAsync(server, "/health/ready") == 200,
            "the server is ready",
            within ?? TimeSpan.FromSeconds(30));
    }

    /// <summary>The status that a path answers with.</summary>
    public static async Task<int> StatusAsync(ServerProcess server, string path)
    {
        using var answer = await server.GetAsync(path);
        return (int)answer.StatusCode;
    }

    /// <summary>A group that no other test has.</summary>
    public string NewGroup() => "x" + Interlocked.Increment(ref groups);

    /// <summary>How many instances Redis knows to hear a channel.</summary>
    public async Task<int> HeardByAsync(string channel)
    {
        string[] answer = await LinesAsync("PUBSUB", "NUMSUB", channel);
        return int.Parse(answer[1], System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>The clients that are present in a group, as Redis has them.</summary>
    public async Task<HashSet<string>> MembersAsync(string group) =>
        [.. await LinesAsync("SMEMBERS", $"ws:members:{{{group}}}")];

    /// <summary>The lines that a command answers with.</summary>
    public async Task<string[]> LinesAsync(params string[] command) => (await Redis.RunAsync(command)).Split(
        '\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    /// <inheritdoc/>
    public async ValueTask InitializeAsync() => await BeginAsync(realtime: null);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (a is not null)
            await a.DisposeAsync();
        if (b is not null)
            await b.DisposeAsync();
        if (redis is not null)
            await redis.DisposeAsync();
    }

    private async Task BeginAsync(Dictionary<string, string>? realtime)
    {
        redis = await RedisServer.StartAsync();
        a = await StartServerAsync(redis.ConnectionString, realtime);
        b = await StartServerAsync(redis.ConnectionString, realtime);
    }
}
