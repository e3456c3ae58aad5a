using Aether.Application;
using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Benchmarks.Allocations;
using Aether.Benchmarks.Redis;
using Aether.Domain;
using Aether.Infrastructure.Redis;
using Aether.Infrastructure.Redis.Connections;
using Aether.Infrastructure.Redis.History;
using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace Aether.Benchmarks;

/// <summary>What history asks of Redis, one call after the other, over a connection to a server of its own.</summary>
[SeveralThreads]
[NeedsRedis]
public class KeepingInRedis
{
    private static readonly ChannelName Channel = ChannelName.Group(Samples.Group);
    private static readonly Message Command =
        Samples.Read(Samples.Plain) with { Type = MessageType.Cmd, Cmd = "start" };

    private static readonly byte[] Written = MessageWriter.Write(Command);

    private RedisServer? server;
    private RedisConnection? connection;
    private HistoryScripts scripts = null!;
    private RedisChannel name;

    /// <summary>Starts Redis, with 100 kept messages.</summary>
    [GlobalSetup]
    public async Task Start()
    {
        server = await RedisServer.StartAsync().ConfigureAwait(false);
        var names = new RedisNames(Options.Create(new RealtimeOptions()));
        connection = new RedisConnection(
            server.Connection.Configuration,
            new RealtimeOptions().Redis,
            TimeProvider.System,
            NullLogger<RedisConnection>.Instance);
        await connection.ConnectAsync().ConfigureAwait(false);
        scripts = new HistoryScripts(connection, names, new HistoryOptions());
        name = names.Channel(Channel, sharded: false);
        for (int i = 0; i < 100; i++)
            await Append().ConfigureAwait(false);
        var part = await scripts.ReadAsync(Channel, new HistoryRange(default, 100)).ConfigureAwait(false);
        if (part.Entries.Length != 100)
            throw new InvalidOperationException("something is missing");
    }

    /// <summary>Ends Redis.</summary>
    [GlobalCleanup]
    public async Task End()
    {
        if (connection is not null)
            await connection.DisposeAsync().ConfigureAwait(false);
        if (server is not null)
            await server.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>One message is numbered, kept and published.</summary>
    [Benchmark]
    public Task Append() => scripts.AppendAsync(Channel, name, Command, Written);

    /// <summary>Where the stream of a channel ends.</summary>
    [Benchmark]
    public Task Position() => scripts.GetPositionAsync(Channel);

    /// <summary>The last 100 messages.</summary>
    [Benchmark]
    public Task Read100() => scripts.ReadAsync(Channel, new HistoryRange(default, 100, 100));
}
