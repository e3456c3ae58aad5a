using Microsoft.Extensions.Logging;

namespace Aether.Infrastructure.Redis;

/// <summary>
/// Everything the Redis adapters write to the log. Exceptions of the client are named by their type alone: their text
/// holds channels and commands.
/// </summary>
internal static partial class RedisLog
{
    [LoggerMessage(100, LogLevel.Warning, "Cannot start connecting to Redis ({Error}); trying again",
        EventName = "RedisConnectFailed")]
    public static partial void ConnectFailed(this ILogger logger, string error);

    [LoggerMessage(101, LogLevel.Warning, "Redis connection '{Connection}' failed: {Failure}",
        EventName = "RedisConnectionFailed")]
    public static partial void ConnectionFailed(
        this ILogger logger, string connection, string failure);

    [LoggerMessage(102, LogLevel.Information, "Redis connection '{Connection}' is back",
        EventName = "RedisConnectionRestored")]
    public static partial void ConnectionRestored(this ILogger logger, string connection);

    [LoggerMessage(103, LogLevel.Warning, "The backplane is not ready: {Reason}", EventName = "BackplaneLost")]
    public static partial void BackplaneLost(this ILogger logger, string reason);

    [LoggerMessage(104, LogLevel.Information,
        "The backplane is ready: {Channels} channels are live (sharded: {Sharded})", EventName = "BackplaneReady")]
    public static partial void BackplaneReady(this ILogger logger, int channels, bool sharded);

    [LoggerMessage(105, LogLevel.Warning, "Messages may have been missed since {Since:O}", EventName = "BackplaneGap")]
    public static partial void Gap(this ILogger logger, DateTime since);

    [LoggerMessage(106, LogLevel.Warning, "Subscribed {Channels} channels anew that Redis did not know of",
        EventName = "BackplaneResubscribed")]
    public static partial void Resubscribed(this ILogger logger, int channels);

    [LoggerMessage(107, LogLevel.Warning, "Could not subscribe ({Error}, {Count} since the last report)",
        EventName = "RedisSubscribeFailed")]
    public static partial void SubscribeFailed(this ILogger logger, string error, long count);

    [LoggerMessage(108, LogLevel.Warning, "Could not publish ({Error}, {Count} since the last report)",
        EventName = "RedisPublishFailed")]
    public static partial void PublishFailed(this ILogger logger, string error, long count);

    [LoggerMessage(109, LogLevel.Warning,
        "Dropped what is no message for its channel: {Rule} ({Count} since the last report)",
        EventName = "RedisGarbage")]
    public static partial void Garbage(this ILogger logger, string rule, long count);

    [LoggerMessage(110, LogLevel.Warning, "Dropped messages from Redis: {Reason} ({Count} since the last report)",
        EventName = "RedisDropped")]
    public static partial void Dropped(this ILogger logger, string reason, long count);

    [LoggerMessage(111, LogLevel.Error, "A sink failed to take a message: {Error} ({Count} since the last report)",
        EventName = "RedisSinkFailed")]
    public static partial void SinkFailed(this ILogger logger, string error, long count);

    [LoggerMessage(113, LogLevel.Warning, "Channels have moved with their slots: {Moved} of {Channels}",
        EventName = "BackplaneMoved")]
    public static partial void Moved(this ILogger logger, int moved, int channels);

    [LoggerMessage(114, LogLevel.Warning, "Redis cannot be asked for everything ({Missing}); going on without it",
        EventName = "BackplaneDegraded")]
    public static partial void Degraded(this ILogger logger, string missing);

    [LoggerMessage(115, LogLevel.Error, "Redis's ACL refuses what is needed: {Rights}", EventName = "RedisRightMissing")]
    public static partial void RightMissing(this ILogger logger, string rights);

    [LoggerMessage(112, LogLevel.Error, "The check of the backplane failed: {Error}",
        EventName = "BackplaneCheckFailed")]
    public static partial void CheckFailed(this ILogger logger, string error);

    [LoggerMessage(116, LogLevel.Warning,
        "A stream of kept messages holds what is none ({Count} since the last report); it is read as lost",
        EventName = "RedisStreamGarbage")]
    public static partial void StreamGarbage(this ILogger logger, long count);
}
