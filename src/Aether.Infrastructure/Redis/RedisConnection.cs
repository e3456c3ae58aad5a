using System.Net;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Aether.Infrastructure.Redis;

/// <summary>
/// The two connections to Redis: one for commands, one for subscriptions. They are apart because what arrives for
/// thousands of channels must not stand in front of a command's answer, and because Redis ends a subscriber that lags
/// and must not end the commands with it. Each is one socket (RESP3), so <c>CLIENT INFO</c> on the second one says what
/// Redis really holds for it.
/// </summary>
internal sealed class RedisConnection : IDisposable, IAsyncDisposable
{
    /// <summary>
    /// How long an answer may take. Two seconds: by then a hang has been noticed and receivers drop what comes out
    /// of it, so that a publish which was given up is never delivered after all. See <see cref="RedisHealth"/>.
    /// </summary>
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(2);

    private readonly string connectionString;
    private readonly TimeProvider time;
    private readonly ILogger<RedisConnection> logger;
    private readonly Lock gate = new();
    private readonly CancellationTokenSource disposing = new();
    private Task? connecting;
    private volatile Connected? connected;
    private volatile Layout layout;

    public RedisConnection(string connectionString, TimeProvider time, ILogger<RedisConnection> logger)
    {
        (this.connectionString, this.time, this.logger) = (connectionString, time, logger);
        Parse(connectionString);
    }

    /// <summary>
    /// The connection for subscriptions failed (<see langword="true"/>) or came back. A hint to look, never the truth:
    /// the client tells this late, in the wrong order, or not at all. With a server: an attempt to reach it failed.
    /// </summary>
    public event Action<EndPoint?, bool>? Disturbed;

    /// <summary>Whether commands can be sent now. It may still be true for seconds after Redis has hung.</summary>
    public bool IsConnected => connected is { } c && c.Commands.IsConnected;

    /// <summary>
    /// Whether channels are sharded, as they are on a cluster of Redis 7 or newer; <see langword="null"/> until a first
    /// server has said so.
    /// </summary>
    public bool? Sharded => layout == Layout.Unknown ? null : layout == Layout.Sharded;

    /// <summary>For commands that are not publishes or subscriptions.</summary>
    /// <exception cref="RedisConnectionException">There has been no connection yet.</exception>
    public IDatabase Commands => connected?.Database ?? throw NotYet();

    /// <summary>
    /// The connection behind <see cref="Commands"/>; <see langword="null"/> before the first attempt.
    /// </summary>
    public IConnectionMultiplexer? CommandConnection => connected?.Commands;

    /// <summary>For publishing; <see langword="null"/> before the first attempt to connect.</summary>
    public ISubscriber? Publisher => connected?.Publisher;

    /// <summary>For subscribing; <see langword="null"/> before the first attempt to connect.</summary>
    public ISubscriber? Subscriber => connected?.Subscriber;

    /// <summary>The servers that subscriptions live on, as far as they are connected.</summary>
    public IEnumerable<IServer> SubscriptionServers =>
        connected?.Subscriptions.GetServers().Where(server => server.IsConnected) ?? [];

    /// <summary>Reads a connection string.</summary>
    /// <exception cref="ArgumentException">It is not valid. The message never holds any of it.</exception>
    public static ConfigurationOptions Parse(string connectionString)
    {
        ConfigurationOptions options;
        try
        {
            options = ConfigurationOptions.Parse(connectionString);
        }
        catch (Exception e) when (e is ArgumentException or FormatException or OverflowException)
        {
            throw Invalid("it cannot be read");
        }
        if (options.EndPoints.Count == 0)
            throw Invalid("it names no server");
        return options;

        // No inner exception: its message would quote the string, and that may hold a password.
        static ArgumentException Invalid(string why) => new(
            $"ConnectionStrings:Redis is not a valid connection string: {why}. Expected 'host:port[,option=value]'.");
    }

    /// <summary>Starts to connect, once; completes when both connections have made their first attempt.</summary>
    public Task ConnectAsync()
    {
        lock (gate)
            return connecting ??= Task.Run(ConnectUntilDisposedAsync);
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
        catch (RedisServerException)
        {
            // Not allowed to ask: believe what the client found out.
            cluster = server.ServerType == ServerType.Cluster;
        }
        layout = cluster && server.Version.Major >= 7 ? Layout.Sharded : Layout.Plain;
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
        if (connected is { } c)
        {
            await c.Subscriptions.DisposeAsync().ConfigureAwait(false);
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
            ConnectionMultiplexer? commands = null;
            try
            {
                // A server that is down is no error here: the multiplexer keeps trying on its own.
                commands = await ConnectionMultiplexer.ConnectAsync(Options("commands")).ConfigureAwait(false);
                var subscriptions =
                    await ConnectionMultiplexer.ConnectAsync(Options("subscriptions")).ConfigureAwait(false);
                Watch(commands, "commands", disturbs: false);
                Watch(subscriptions, "subscriptions", disturbs: true);
                connected = new Connected(
                    commands,
                    commands.GetDatabase(),
                    commands.GetSubscriber(),
                    subscriptions,
                    subscriptions.GetSubscriber());
                return;
            }
            catch (Exception e)
            {
                logger.ConnectFailed(e.GetType().Name);
                if (commands is not null)
                    await commands.DisposeAsync().ConfigureAwait(false);
            }
            await Task.Delay(TimeSpan.FromSeconds(1), time, disposing.Token).ConfigureAwait(false);
        }
    }

    private ConfigurationOptions Options(string purpose)
    {
        var options = Parse(connectionString);
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
        // Finds a promoted replica within seconds instead of a minute.
        options.ConfigCheckSeconds = 5;
        options.ConfigurationChannel = "";
        options.Protocol = RedisProtocol.Resp3;
        options.SharedSubscriptionConnection = true;
        // A guard of the client library alone, in front of CLIENT INFO and INFO.
        options.AllowAdmin = true;
        return options;
    }

    private void Watch(IConnectionMultiplexer connection, string name, bool disturbs)
    {
        connection.ConnectionFailed += (_, e) =>
        {
            logger.ConnectionFailed(name, e.FailureType);
            // A failed attempt may be all that is told of a lost connection, or no loss at all: a cluster with one dead
            // node makes one every second. Whoever knows which servers are in use can tell.
            if (disturbs)
                Disturbed?.Invoke(e.FailureType == ConnectionFailureType.UnableToConnect ? e.EndPoint : null, true);
        };
        connection.ConnectionRestored += (_, _) =>
        {
            logger.ConnectionRestored(name);
            if (disturbs)
                Disturbed?.Invoke(null, false);
        };
    }

    private enum Layout
    {
        Unknown,
        Plain,
        Sharded,
    }

    private sealed record Connected(
        IConnectionMultiplexer Commands,
        IDatabase Database,
        ISubscriber Publisher,
        IConnectionMultiplexer Subscriptions,
        ISubscriber Subscriber);
}
