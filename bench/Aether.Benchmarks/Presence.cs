using Aether.Application;
using Aether.Benchmarks.Allocations;
using Aether.Benchmarks.Redis;
using Aether.Domain;
using Aether.Infrastructure.Redis;
using Aether.Infrastructure.Redis.Presence;
using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.Options;
using StackExchange.Redis;
using Role = Aether.Domain.Role;

namespace Aether.Benchmarks;

/// <summary>What presence asks of Redis, one call after the other, over a connection to a server of its own.</summary>
[SeveralThreads]
[NeedsRedis]
public class Presence
{
    private const int Members = 500;
    private const string Incarnation = "instance-1";
    private static readonly TimeSpan Long = TimeSpan.FromDays(1);
    private static readonly VisionId Full = VisionId.Parse("full");
    private static readonly byte[] State = "{\"zoom\":2.5,\"recording\":true}"u8.ToArray();
    private static readonly RedisValue[] Clients = [Samples.Client.Value];
    private static readonly RedisValue[] Touched = [Samples.Client.Value, 0];

    private RedisServer? server;
    private PresenceScripts scripts = null!;
    private PresenceReader reader = null!;
    private PresenceLease lease = null!;

    /// <summary>Starts Redis, with a group of 500 and one of a single client.</summary>
    [GlobalSetup]
    public async Task Start()
    {
        server = await RedisServer.StartAsync().ConfigureAwait(false);
        scripts = new PresenceScripts(server.Connection, new RedisNames(Options.Create(new RealtimeOptions())));
        reader = new PresenceReader(server.Connection, new RedisNames(Options.Create(new RealtimeOptions())));
        var taken = await scripts.RenewAsync(Incarnation, Long, 0, "").ConfigureAwait(false);
        lease = new PresenceLease(taken.End, 0) { Id = Incarnation, Run = taken.Run };
        await HoldAsync(Samples.Group, Samples.Receiver, 1).ConfigureAwait(false);
        for (int i = 0; i < Members; i++)
            await HoldAsync(Full, VisionId.Parse($"client-{i}"), 1).ConfigureAwait(false);
        var all = await reader.ReadAsync(Full).ConfigureAwait(false);
        if (all.Count != Members)
            throw new InvalidOperationException("the group is not full");
    }

    /// <summary>Ends Redis.</summary>
    [GlobalCleanup]
    public async Task End()
    {
        if (server is not null)
            await server.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>A client comes and goes: two calls.</summary>
    [Benchmark]
    public async Task JoinAndLeave()
    {
        await HoldAsync(Samples.Group, Samples.Client, 1).ConfigureAwait(false);
        await HoldAsync(Samples.Group, Samples.Client, 0).ConfigureAwait(false);
    }

    /// <summary>A client comes, and is taken from an instance that died: two calls.</summary>
    [Benchmark]
    public async Task JoinAndReap()
    {
        await HoldAsync(Samples.Group, Samples.Client, 1).ConfigureAwait(false);
        await scripts.ReapAsync(Samples.Group, Incarnation, Clients).ConfigureAwait(false);
    }

    /// <summary>A client says something of itself.</summary>
    [Benchmark]
    public Task Update() => scripts.UpdateAsync(Samples.Group, Samples.Receiver, State);

    /// <summary>A client gave a sign of life.</summary>
    [Benchmark]
    public Task Touch() => scripts.TouchAsync(Full, Touched);

    /// <summary>An instance notes that it holds members of a group.</summary>
    [Benchmark]
    public Task Register() => scripts.RegisterAsync(lease, Samples.Group);

    /// <summary>An instance's lease is renewed.</summary>
    [Benchmark]
    public Task Renew() => scripts.RenewAsync(Incarnation, Long, lease.End, lease.Run);

    /// <summary>An instance looks for others that died.</summary>
    [Benchmark]
    public Task Expired() => scripts.GetExpiredAsync(Incarnation);

    /// <summary>All members of a group of 500.</summary>
    [Benchmark]
    public Task ReadMembers() => reader.ReadAsync(Full);

    private Task<Held> HoldAsync(VisionId group, VisionId client, int connections) =>
        scripts.HoldAsync(group, client, new PresenceWrite(lease, connections, Role.Worker, 0, 0, 0, State, 0, 0, 0));
}
