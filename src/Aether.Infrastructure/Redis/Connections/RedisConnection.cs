using System.Net;
using Aether.Application;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Aether.Infrastructure.Redis.Connections;

/// <summary>
/// The connections to Redis: one for commands, one for reading rosters, one for subscriptions. They are apart because
/// what arrives for thousands of channels, or a list of thousands of members, must not stand in front of a command's
/// answer, and because Redis ends a subscriber that lags and must not end the commands with it. Each is one socket
/// (RESP3), so <c>CLIENT INFO</c> on the last one says what Redis really holds for it. Or all three are one that the host
/// shares: it decides how that is made, and disposes of it.
/// </summary>
internal sealed partial class RedisConnection : IDisposable, IAsyncDisposable
{
    /// <summary>
    /// How long an answer may take. Who hears nothing of its own for almost that long drops what comes, so that a publish
    /// which was given up is never delivered after all. See <c>RedisReceiver</c>.
    /// </summary>
    public static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(2);

    /// <summary>
    /// How much later than this instance another one may hear on a server that has taken over: each looks every
    /// <see cref="ConfigCheckSeconds"/> who is the primary, then connects, and verifies what it hears.
    /// </summary>
    public static readonly TimeSpan FollowTimeout = TimeSpan.FromSeconds(2 * ConfigCheckSeconds);

    /// <summary>
    /// Everything goes to the primary. What is heard on a replica depends on a link that may break, and its primary
    /// does not count it.
    /// </summary>
    public const CommandFlags Primary = CommandFlags.DemandMaster;

    /// <summary>The database of all keys, whatever a shared connection has for its own.</summary>
    public const int Database = 0;

    // Finds a promoted replica within seconds instead of a minute.
    private const int ConfigCheckSeconds = 5;

    private readonly string connectionString = "";
    private readonly RedisOptions redis = new();
    private readonly TimeProvider time = TimeProvider.System;
    private readonly ILogger<RedisConnection> logger;
    private readonly Lock gate = new();
    private readonly CancellationTokenSource disposing = new();
    private Task? connecting;
    private volatile Connected? connected;
    private volatile Layout layout;

    /// <exception cref="ArgumentException">The string is not valid. The message holds nothing of it.</exception>
    public RedisConnection(
        string connectionString, RedisOptions redis, TimeProvider time, ILogger<RedisConnection> logger)
    {
        (this.connectionString, this.redis, this.time, this.logger) = (connectionString, redis, time, logger);
        string? user = RedisConnectionString.Parse(connectionString).With(redis).User;
        User = string.IsNullOrEmpty(user) ? "default" : user;
        TellsOfSubscriptions = true;
    }

    /// <summary>
    /// The connection for subscriptions to a server failed (<see langword="true"/>) or came back. A hint to look, never
    /// the truth: the client tells this late, in the wrong order, or not at all.
    /// </summary>
    public event Action<EndPoint?, bool>? Disturbed;

    /// <summary>A command was sent on to the server that has got its slot.</summary>
    public event Action<int>? SlotMoved;

    /// <summary>
    /// Whether a server can be asked on the connection of the subscriptions what it holds for that. A shared one may
    /// have another one for them, and then there is only the client library's word.
    /// </summary>
    public bool TellsOfSubscriptions { get; }

    /// <summary>Whether commands can be sent now. It may still be true for seconds after Redis has hung.</summary>
    public bool IsConnected => connected is { } c && c.Commands.IsConnected;

    /// <summary>
    /// Whether channels are sharded, as they are on a cluster of Redis 7 or newer; <see langword="null"/> until a first
    /// server has said so.
    /// </summary>
    public bool? Sharded => layout == Layout.Unknown ? null : layout == Layout.Sharded;

    /// <summary>Whether it is a cluster, as far as is known.</summary>
    public bool IsCluster => layout is Layout.Cluster or Layout.Sharded;

    /// <summary>
    /// Whether the answer to a publish counts everybody who hears. A cluster without sharded channels passes messages
    /// on to all nodes and counts on one.
    /// </summary>
    public bool CountsEverybody => layout != Layout.Cluster;

    /// <summary>The user that the settings name.</summary>
    public string User { get; }

    /// <summary>For commands that are not publishes or subscriptions.</summary>
    /// <exception cref="RedisConnectionException">There has been no connection yet.</exception>
    public IDatabase Commands => connected?.Database ?? throw NotYet();

    /// <summary>
    /// The connection behind <see cref="Commands"/>; <see langword="null"/> before the first attempt.
    /// </summary>
    public IConnectionMultiplexer? CommandConnection => connected?.Commands;

    /// <summary>
    /// For reading much at once; <see langword="null"/> before the first attempt to connect.
    /// </summary>
    public IConnectionMultiplexer? ReadingConnection => connected?.Reading;

    /// <summary>For publishing; <see langword="null"/> before the first attempt to connect.</summary>
    public ISubscriber? Publisher => connected?.Publisher;

    /// <summary>For subscribing; <see langword="null"/> before the first attempt to connect.</summary>
    public ISubscriber? Subscriber => connected?.Subscriber;

    /// <summary>The servers that subscriptions live on, as far as they are connected.</summary>
    public IEnumerable<IServer> SubscriptionServers =>
        connected?.Subscriptions.GetServers().Where(server => server.IsConnected) ?? [];

    /// <summary>The servers that commands go to, as far as they are connected.</summary>
    public IEnumerable<IServer> CommandServers =>
        connected?.Commands.GetServers().Where(server => server.IsConnected) ?? [];

    /// <summary>
    /// The primaries, once for each connection to them: commands, reading, subscriptions.
    /// </summary>
    public IEnumerable<IServer> Servers =>
        connected is { } c
            ? CommandServers.Concat(SubscriptionServers)
                .Concat(c.Reading.GetServers().Where(server => server.IsConnected))
                .Where(server => !server.IsReplica)
            : [];

    /// <summary>Starts to connect, once; completes when both connections have made their first attempt.</summary>
    public Task ConnectAsync()
    {
        lock (gate)
            return connecting ??= IsShared ? Task.CompletedTask : Task.Run(ConnectUntilDisposedAsync);
    }

    /// <summary>
    /// The connection for commands, after its first attempt: at most the connect timeout later, whether Redis is up or
    /// not.
    /// </summary>
    public IConnectionMultiplexer ConnectCommands()
    {
        ConnectAsync().GetAwaiter().GetResult();
        return CommandConnection!;
    }

    /// <summary>Asks a server whether channels are sharded, unless that is known.</summary>
    public async Task<bool> DetectShardingAsync()
    {
        if (Sharded is { } known)
            return known;
        var server = SubscriptionServers.FirstOrDefault() ?? throw NotYet();
        bool cluster;
        try
        {
            var info = await server.ExecuteAsync("INFO", "cluster").ConfigureAwait(false);
            cluster = info.ToString().Contains("cluster_enabled:1", StringComparison.Ordinal);
        }
        catch (Exception e) when (e is RedisServerException or RedisCommandException)
        {
            // Not allowed to ask, or kept from it by the client library: believe what the client found out.
            cluster = server.ServerType == ServerType.Cluster;
        }
        layout = !cluster ? Layout.Plain : server.Version.Major >= 7 ? Layout.Sharded : Layout.Cluster;
        return layout == Layout.Sharded;
    }

    public void Dispose() => DisposeAsync().AsTask().GetAwaiter().GetResult();

    public async ValueTask DisposeAsync()
    {
        Task? attempt;
        lock (gate)
        {
            if (disposing.IsCancellationRequested)
                return;
            disposing.Cancel();
            attempt = connecting;
        }
        if (attempt is not null)
            await attempt.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (IsShared)
        {
            Unwatch();
        }
        else if (connected is { } c)
        {
            await c.Subscriptions.DisposeAsync().ConfigureAwait(false);
            await c.Reading.DisposeAsync().ConfigureAwait(false);
            await c.Commands.DisposeAsync().ConfigureAwait(false);
        }
        disposing.Dispose();
    }

    private static RedisConnectionException NotYet() =>
        new(ConnectionFailureType.UnableToConnect, CommandFlags.None, "there has been no connection to Redis yet");

    private async Task ConnectUntilDisposedAsync()
    {
        while (true)
        {
            ConnectionMultiplexer? commands = null, reading = null;
            try
            {
                // A server that is down is no error here: the multiplexer keeps trying on its own.
                commands = await ConnectionMultiplexer.ConnectAsync(Options("commands")).ConfigureAwait(false);
                reading = await ConnectionMultiplexer.ConnectAsync(Options("reading")).ConfigureAwait(false);
                var subscriptions =
                    await ConnectionMultiplexer.ConnectAsync(Options("subscriptions")).ConfigureAwait(false);
                commands.HashSlotMoved += (_, e) => SlotMoved?.Invoke(e.HashSlot);
                Watch(commands, "commands", disturbs: false);
                Watch(reading, "reading", disturbs: false);
                Watch(subscriptions, "subscriptions", disturbs: true);
                connected = new Connected(
                    commands,
                    commands.GetDatabase(Database),
                    commands.GetSubscriber(),
                    reading,
                    subscriptions,
                    subscriptions.GetSubscriber());
                return;
            }
            catch (Exception e)
            {
                logger.ConnectFailed(RedisFaults.Describe(e));
                if (commands is not null)
                    await commands.DisposeAsync().ConfigureAwait(false);
                if (reading is not null)
                    await reading.DisposeAsync().ConfigureAwait(false);
            }
            await Task.Delay(TimeSpan.FromSeconds(1), time, disposing.Token).ConfigureAwait(false);
        }
    }

    private ConfigurationOptions Options(string purpose)
    {
        var options = RedisConnectionString.Parse(connectionString).With(redis);
        options.ClientName = (options.ClientName ?? "aether") + "-" + purpose;
        options.AbortOnConnectFail = false;
        // What cannot be sent now is refused now: a backlog would deliver it seconds late.
        options.BacklogPolicy = BacklogPolicy.FailFast;
        options.AsyncTimeout = options.SyncTimeout = (int)AnswerTimeout.TotalMilliseconds;
        if (!connectionString.Contains("connectTimeout", StringComparison.OrdinalIgnoreCase))
            options.ConnectTimeout = 2_000;
        options.ConnectRetry = 1;
        options.ReconnectRetryPolicy = new LinearRetry(500);
        options.KeepAlive = 5;
        options.ConfigCheckSeconds = ConfigCheckSeconds;
        options.ConfigurationChannel = "";
        // It would be one more key to be allowed to read. Two primaries are told to the operator, not chosen from.
        options.TieBreaker = "";
        options.Protocol = RedisProtocol.Resp3;
        options.SharedSubscriptionConnection = true;
        // A guard of the client library alone, in front of CLIENT INFO and INFO.
        options.AllowAdmin = true;
        return options;
    }

    private void Watch(IConnectionMultiplexer connection, string name, bool disturbs)
    {
        connection.ConnectionFailed += (_, e) => OnFailed(name, disturbs, e);
        connection.ConnectionRestored += (_, _) => OnRestored(name, disturbs);
    }

    private void OnFailed(string name, bool disturbs, ConnectionFailedEventArgs e)
    {
        logger.ConnectionFailed(name, RedisFaults.Describe(e.Exception, e.FailureType));
        // A failed attempt may be all that is told of a lost connection, or no loss at all: a cluster with one dead
        // node makes one every second, and a replica may come and go. Whoever knows which servers are in use can
        // tell.
        if (disturbs)
            Disturbed?.Invoke(e.EndPoint, true);
    }

    private void OnRestored(string name, bool disturbs)
    {
        logger.ConnectionRestored(name);
        if (disturbs)
            Disturbed?.Invoke(null, false);
    }

    private enum Layout
    {
        Unknown,
        Plain,
        Cluster,
        Sharded,
    }

    private sealed record Connected(
        IConnectionMultiplexer Commands,
        IDatabase Database,
        ISubscriber Publisher,
        IConnectionMultiplexer Reading,
        IConnectionMultiplexer Subscriptions,
        ISubscriber Subscriber);
}
