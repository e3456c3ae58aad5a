using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Aether.Infrastructure.Redis.Connections;

/// <summary>A connection that the host has made for itself, and lets this layer use.</summary>
internal sealed partial class RedisConnection
{
    private const string Name = "host's connection";

    private readonly IConnectionMultiplexer? shared;

    /// <exception cref="ArgumentException">It is made so that nothing here could rely on it.</exception>
    public RedisConnection(IConnectionMultiplexer shared, ILogger<RedisConnection> logger)
    {
        (this.shared, this.logger) = (shared, logger);
        var options = ConfigurationOptions.Parse(shared.Configuration ?? "", ignoreUnknown: true);
        Check(options);
        TellsOfSubscriptions = options.SharedSubscriptionConnection;
        User = string.IsNullOrEmpty(options.User) ? "default" : options.User;
        shared.ConnectionFailed += OnSharedFailed;
        shared.ConnectionRestored += OnSharedRestored;
        shared.HashSlotMoved += OnSharedSlotMoved;
        connected = new Connected(
            shared, shared.GetDatabase(Database), shared.GetSubscriber(), shared, shared, shared.GetSubscriber());
    }

    /// <summary>Whether the host has made the connection, and goes on with it after the end of this layer.</summary>
    public bool IsShared => shared is not null;

    private static void Check(ConfigurationOptions options)
    {
        // All instances have to agree on the names, and others have none in front of theirs.
        if ((string?)options.ChannelPrefix is { Length: > 0 })
            throw Unusable("it has a channelPrefix, which would not be in front of the keys");
        if (options.Proxy != Proxy.None)
            throw Unusable("proxies carry no subscriptions");
        // Who publishes gives up after this, and who hears drops what may have been given up.
        if (options.AsyncTimeout < AnswerTimeout.TotalMilliseconds)
        {
            throw Unusable(
                $"its asyncTimeout must be at least {AnswerTimeout.TotalMilliseconds} ms: what was given up sooner "
                + "might be delivered after all");
        }
    }

    private static ArgumentException Unusable(string why) =>
        new("The host's IConnectionMultiplexer cannot be shared: " + why + ".");

    private void OnSharedSlotMoved(object? sender, HashSlotMovedEventArgs e) => SlotMoved?.Invoke(e.HashSlot);

    private void Unwatch()
    {
        shared!.HashSlotMoved -= OnSharedSlotMoved;
        shared.ConnectionFailed -= OnSharedFailed;
        shared.ConnectionRestored -= OnSharedRestored;
    }

    private void OnSharedFailed(object? sender, ConnectionFailedEventArgs e) => OnFailed(Name, disturbs: true, e);

    private void OnSharedRestored(object? sender, ConnectionFailedEventArgs e) => OnRestored(Name, disturbs: true);
}
