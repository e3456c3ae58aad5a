using Microsoft.Extensions.Logging;

namespace Aether.Infrastructure.Redis.Presence;

/// <summary>
/// What the presence adapter tells operators. Of a fault only its type is told: the text of a Redis exception may hold
/// keys.
/// </summary>
internal static partial class RedisPresenceLog
{
    [LoggerMessage(2101, LogLevel.Information, "Presence holds lease {Incarnation}", EventName = "PresenceLeaseTaken")]
    public static partial void LeaseTaken(this ILogger logger, string incarnation);

    [LoggerMessage(2102, LogLevel.Warning,
        "Presence lost lease {Incarnation}; everything local is registered again", EventName = "PresenceLeaseLost")]
    public static partial void LeaseLost(this ILogger logger, string incarnation);

    [LoggerMessage(2103, LogLevel.Warning,
        "Redis may have forgotten; lease {Incarnation} is replaced and everything local registered again",
        EventName = "PresenceLeaseReplaced")]
    public static partial void LeaseReplaced(this ILogger logger, string incarnation);

    [LoggerMessage(2104, LogLevel.Information,
        "Presence is whole: {Members} members in {Groups} groups", EventName = "PresenceWhole")]
    public static partial void Whole(this ILogger logger, int members, int groups);

    [LoggerMessage(2105, LogLevel.Information,
        "The lease of {Incarnation} is over: {Members} members of {Groups} groups went", EventName = "PresenceReaped")]
    public static partial void Reaped(this ILogger logger, string incarnation, int members, int groups);

    [LoggerMessage(2106, LogLevel.Warning, "Presence cannot be written: {Fault}", EventName = "PresenceUnavailable")]
    public static partial void Unavailable(this ILogger logger, string fault);

    [LoggerMessage(2107, LogLevel.Error, "A presence {Step} step failed: {Fault}", EventName = "PresenceStepFailed")]
    public static partial void StepFailed(this ILogger logger, string step, string fault);

    [LoggerMessage(2108, LogLevel.Error, "A presence watcher threw {Fault}", EventName = "PresenceWatcherFailed")]
    public static partial void WatcherFailed(this ILogger logger, string fault);
}

/// <summary>Tells of faults, at most once a second: an outage makes one for every call.</summary>
internal sealed class FaultLogLimit(ILogger logger, TimeProvider time)
{
    private long next = long.MinValue;

    /// <summary>Tells what kind of fault it was.</summary>
    public void Unavailable(Exception exception)
    {
        long now = time.GetTimestamp();
        long due = Volatile.Read(ref next);
        if (now < due || Interlocked.CompareExchange(ref next, now + time.TimestampFrequency, due) != due)
            return;
        logger.Unavailable(RedisFaults.Describe(exception));
    }
}
