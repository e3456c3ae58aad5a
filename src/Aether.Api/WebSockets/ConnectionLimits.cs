using Aether.Application;

namespace Aether.Api.WebSockets;

/// <summary>The options that a connection looks at on its way, in the units that it compares in.</summary>
internal sealed class ConnectionLimits(RealtimeOptions options)
{
    /// <summary>
    /// How many publishes of one connection may be under way; then it is not read from until one is through.
    /// </summary>
    public const int MaxInFlight = 64;

    /// <summary>How many frames a message may be cut into.</summary>
    public const int MaxFragments = 1_024;

    /// <summary>How long a peer gets to answer a close, or to take what it was sent before it, in ms.</summary>
    public const long CloseTimeoutMs = 5_000;

    /// <summary>How long a connection may stay over its rate limit, in ms.</summary>
    public const long MaxFloodMs = 5_000;

    /// <summary>How long after the last dropped message a flood counts as over, in ms.</summary>
    public const long FloodGapMs = 1_000;

    public int MaxMessageBytes { get; } = options.MaxMessageBytes;

    public long MessageTimeoutMs { get; } = Ms(options.MessageTimeout);

    public SendQueueOptions SendQueue { get; } = options.SendQueue;

    public long SendTimeoutMs { get; } = Ms(options.SendQueue.Timeout);

    public int RatePerSecond { get; } = options.RateLimit.PerSecond;

    public int RateBurst { get; } = options.RateLimit.Burst;

    public long PingAfterMs { get; } = Ms(options.KeepAlive.Interval);

    public long PongWithinMs { get; } = Ms(options.KeepAlive.Timeout);

    public long IdleMs { get; } = Ms(options.IdleTimeout);

    public bool ReportInvalid { get; } = options.InvalidMessages == InvalidMessages.Report;

    public bool ReplaceDuplicates { get; } = options.DuplicateClients == DuplicateClients.Replace;

    private static long Ms(Duration duration) => (long)duration.Value.TotalMilliseconds;
}
