using Aether.Application.Ports;
using Aether.Domain;
using Xunit;

namespace Aether.Tests.Integration.Fixtures;

/// <summary>A Redis of its own, and instances whose presence lies in it.</summary>
public abstract class RedisPresenceTest : IAsyncLifetime
{
    private protected static readonly TimeSpan ShortLease = TimeSpan.FromSeconds(1);
    private protected static readonly VisionId Group = VisionId.Parse("g");
    private protected static readonly VisionId X = VisionId.Parse("x");
    private protected static readonly VisionId Y = VisionId.Parse("y");

    private readonly List<PresenceInstance> instances = [];
    private RedisServer? server;

    private protected static CancellationToken Token => TestContext.Current.CancellationToken;

    private protected RedisServer Server => server!;

    public async ValueTask InitializeAsync() => server = await RedisServer.StartAsync();

    public async ValueTask DisposeAsync()
    {
        foreach (var instance in instances)
            await instance.DisposeAsync();
        await Server.DisposeAsync();
    }

    /// <summary>Takes another Redis, with options of its own. Before any instance is there.</summary>
    private protected async Task UseServerAsync(params string[] options)
    {
        await Server.DisposeAsync();
        server = await RedisServer.StartAsync(options);
    }

    private protected async Task<PresenceInstance> StartAsync(TimeSpan? lease = null, TimeProvider? time = null)
    {
        var instance = await PresenceInstance.StartAsync(Server, lease, time);
        instances.Add(instance);
        return instance;
    }

    private protected static async Task<HashSet<string>> JoinManyAsync(PresenceInstance instance, int count)
    {
        var clients = Enumerable.Range(0, count).Select(i => $"c{i}").ToHashSet();
        // Not all at once: on a busy machine the last of thousands would wait for longer than an answer may take.
        foreach (string[] some in clients.Chunk(200))
        {
            var changes = await Task.WhenAll(
                some.Select(client => instance.Store.JoinAsync(Group, VisionId.Parse(client), Role.Worker, Token)));
            Assert.All(changes, change => Assert.Equal(PresenceTransition.Came, change.Transition));
        }
        return clients;
    }

    private protected static async Task<IReadOnlyList<Member>> MembersAsync(PresenceInstance instance, VisionId group)
    {
        var members = await instance.Store.GetMembersAsync(group, Token);
        Assert.NotNull(members);
        return members;
    }

    /// <summary>The members as anybody may read them.</summary>
    private protected async Task<HashSet<string>> PlainSetAsync() =>
        [.. (await Server.RunAsync("SMEMBERS", "ws:members:{g}")).Split('\n', StringSplitOptions.RemoveEmptyEntries)];

    // Without what an instance says of itself, which is there for as long as its lease.
    private protected async Task<string> KeysOfMembersAsync() => string.Join(
        '\n',
        (await Server.RunAsync("KEYS", "*")).Split('\n')
            .Where(key => !key.StartsWith("ws:instance:", StringComparison.Ordinal)));
}
