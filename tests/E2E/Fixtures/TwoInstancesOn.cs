using System.Diagnostics;
using System.Globalization;
using Xunit;

namespace Aether.Tests.E2E;

/// <summary>Two servers on a Redis that has replicas, and groups that lie all over it.</summary>
/// <typeparam name="TForm">The form of Redis.</typeparam>
public sealed class TwoInstancesOn<TForm> : IAsyncLifetime
    where TForm : RedisForm, new()
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan Steady = TimeSpan.FromSeconds(1);
    private ServerProcess? a;
    private ServerProcess? b;
    private int groups;

    /// <summary>The one instance.</summary>
    public ServerProcess A => a!;

    /// <summary>The other instance.</summary>
    public ServerProcess B => b!;

    /// <summary>What is between them.</summary>
    public TForm Redis { get; } = new();

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        await Redis.InitializeAsync();
        a = await TwoInstances.StartServerAsync(Redis.ConnectionString);
        b = await TwoInstances.StartServerAsync(Redis.ConnectionString);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (a is not null)
            await a.DisposeAsync();
        if (b is not null)
            await b.DisposeAsync();
        await Redis.DisposeAsync();
    }

    /// <summary>
    /// Waits until both take connections and have found every server, also one that came back a moment ago: when an
    /// instance finds it, it looks at all that it hears.
    /// </summary>
    public async Task WaitUntilReadyAsync()
    {
        await WaitUntilReadyNowAsync();
        var ready = Stopwatch.StartNew();
        await Eventually.HoldsAsync(
            async () =>
            {
                if (!await AreReadyAsync() || !await IsEveryServerFoundAsync())
                    ready.Restart();
                return ready.Elapsed > Steady;
            },
            "both stay ready",
            Patience);
    }

    private async Task<bool> IsEveryServerFoundAsync()
    {
        foreach (var server in Redis.Servers.Where(server => server.IsRunning))
        {
            if ((await server.RunAsync("CLIENT", "LIST")).Split("name=aether").Length <= 2)
                return false;
        }
        return true;
    }

    private async Task WaitUntilReadyNowAsync()
    {
        foreach (var server in new[] { A, B })
        {
            try
            {
                await TwoInstances.WaitUntilReadyAsync(server, Patience);
            }
            catch (TimeoutException)
            {
                using var answer = await server.GetAsync("/health/ready");
                throw new TimeoutException(await answer.Content.ReadAsStringAsync() + "\n" + server.Log);
            }
        }
    }

    /// <summary>Whether both take connections now.</summary>
    public async Task<bool> AreReadyAsync() =>
        await TwoInstances.StatusAsync(A, "/health/ready") == 200
        && await TwoInstances.StatusAsync(B, "/health/ready") == 200;

    /// <summary>Starts some conversations across the instances, in groups of their own.</summary>
    internal async Task<Talks> TalkAsync(int count)
    {
        var talks = new Talks();
        for (int i = 0; i < count; i++)
        {
            var (from, to) = i % 2 == 0 ? (A, B) : (B, A);
            talks.Add(await Talk.StartAsync(from, to, "t" + Interlocked.Increment(ref groups)));
        }
        return talks;
    }

    /// <summary>How many instances a server knows to hear a group.</summary>
    internal async Task<int> HeardByAsync(RedisServer server, string group)
    {
        string[] answer = (await server.RunAsync("PUBSUB", Redis.CountOfChannel, Channel(group))).Split('\n');
        return int.Parse(answer[1], CultureInfo.InvariantCulture);
    }

    /// <summary>The members of a group, as its owner has them.</summary>
    internal async Task<string[]> MembersAsync(string group)
    {
        string key = $"ws:members:{{{group}}}";
        return (await (await Redis.OwnerAsync(key)).RunAsync("SMEMBERS", key)).Split('\n');
    }

    /// <summary>The channel of a group.</summary>
    internal static string Channel(string group) => "ws:group:" + group;
}

/// <summary>Conversations that go on at once and end together.</summary>
internal sealed class Talks : IAsyncDisposable
{
    private readonly List<Talk> all = [];

    /// <summary>All of them.</summary>
    public IReadOnlyList<Talk> All => all;

    /// <summary>One more.</summary>
    public void Add(Talk talk) => all.Add(talk);

    /// <summary>Lets all go on while something happens.</summary>
    public async Task DuringAsync(Func<Task> events)
    {
        using var ending = new CancellationTokenSource();
        var talking = Task.WhenAll(all.Select(talk => talk.GoOnAsync(ending.Token)));
        try
        {
            await events();
        }
        finally
        {
            await ending.CancelAsync();
        }
        await talking;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var talk in all)
            await talk.DisposeAsync();
    }
}
