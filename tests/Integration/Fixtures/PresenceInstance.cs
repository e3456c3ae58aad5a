using System.Collections.Concurrent;
using Aether.Application;
using Aether.Application.Ports;
using Aether.Domain;
using Aether.Infrastructure.Redis;
using Aether.Infrastructure.Redis.Presence;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace Aether.Tests.Integration.Fixtures;

/// <summary>
/// The presence store of one instance, with a connection of its own, and what it told of others' changes.
/// </summary>
internal sealed class PresenceInstance : IPresenceWatcher, ILogger<RedisPresenceStore>, IAsyncDisposable
{
    private readonly ConnectionMultiplexer redis;
    private readonly ConcurrentQueue<(VisionId Group, PresenceChange Change)> changes = [];
    private readonly ConcurrentQueue<string> log = [];
    private bool crashed;

    private PresenceInstance(ConnectionMultiplexer redis, TimeSpan lease, TimeProvider time)
    {
        this.redis = redis;
        var options = Options.Create(new RealtimeOptions { Presence = { Lease = new Duration(lease) } });
        Scripts = new PresenceScripts(redis, new RedisNames(options));
        var status = new FixedStatus();
        InstanceId = status.Id;
        Store = new RedisPresenceStore(redis, new RedisNames(options), options, time, this, this, status: status);
        // None of its own: what it says of this instance is what others read of it.
        Directory = new RedisPresenceDirectory(
            redis, new RedisNames(options), time, NullLogger<RedisPresenceDirectory>.Instance);
    }

    public RedisPresenceStore Store { get; }

    public RedisPresenceDirectory Directory { get; }

    public string InstanceId { get; }

    public PresenceScripts Scripts { get; }

    /// <summary>What the watcher heard, as <c>Went group client</c>, sorted.</summary>
    public IReadOnlyList<string> Changes => [.. changes.Select(Text).Order(StringComparer.Ordinal)];

    /// <summary>What the watcher heard, as it heard it.</summary>
    public IReadOnlyList<PresenceChange> Heard => [.. changes.Select(one => one.Change)];

    public string Log => string.Join(" | ", log);

    /// <summary>Starts an instance and waits until it is ready.</summary>
    public static async Task<PresenceInstance> StartAsync(
        RedisServer server, TimeSpan? lease = null, TimeProvider? time = null)
    {
        var configuration = ConfigurationOptions.Parse(server.ConnectionString);
        configuration.AbortOnConnectFail = false;
        configuration.AsyncTimeout = 500;
        configuration.SyncTimeout = 500;
        configuration.ConnectTimeout = 500;
        configuration.HeartbeatInterval = TimeSpan.FromMilliseconds(100);
        configuration.ReconnectRetryPolicy = new LinearRetry(100);
        configuration.BacklogPolicy = BacklogPolicy.FailFast;
        var redis = await ConnectionMultiplexer.ConnectAsync(configuration);
        var instance = new PresenceInstance(redis, lease ?? TimeSpan.FromSeconds(10), time ?? TimeProvider.System);
        await instance.Store.StartAsync(CancellationToken.None);
        await Eventually.HoldsAsync(() => instance.Store.IsReady, state: () => instance.Log);
        return instance;
    }

    /// <summary>Ends as a killed process does: nothing is taken back, and nothing is renewed any more.</summary>
    public async Task CrashAsync()
    {
        crashed = true;
        await redis.CloseAsync(allowCommandsToComplete: false);
    }

    public async ValueTask DisposeAsync()
    {
        await Store.DisposeAsync();
        if (!crashed)
            await redis.CloseAsync();
        await redis.DisposeAsync();
    }

    private static string Text((VisionId Group, PresenceChange Change) one) =>
        $"{one.Change.Transition} {one.Group} {one.Change.Member!.ClientId}";

    void IPresenceWatcher.OnChanged(VisionId group, PresenceChange change) => changes.Enqueue((group, change));

    IDisposable? ILogger.BeginScope<TState>(TState state) => null;

    bool ILogger.IsEnabled(LogLevel logLevel) => true;

    void ILogger.Log<TState>(
        LogLevel logLevel,
        EventId eventId,
        TState state,
        Exception? exception,
        Func<TState, Exception?, string> formatter) => log.Enqueue($"{eventId.Name}: {formatter(state, exception)}");
}
