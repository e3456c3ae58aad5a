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

    /// <summary>
    /// How often a connection that is over its limit is told so for messages that nobody waits with, in ms.
    /// </summary>
    public const long TellOverLimitMs = 1_000;

    /// <summary>Control frames a second, and at once, where messages have no limit.</summary>
    public const int ControlsPerSecond = 1_000;

    /// <inheritdoc cref="ControlsPerSecond"/>
    public const int ControlsBurst = 2_000;

    private const int MinAnswersPerSecond = 1_000;
    private const int MinAnswersBurst = 2_000;

    private static readonly TimeSpan MaxHeartbeat = TimeSpan.FromSeconds(30);

    public int MaxMessageBytes { get; } = options.MaxMessageBytes;

    public long MessageTimeoutMs { get; } = Ms(options.MessageTimeout);

    public SendQueueOptions SendQueue { get; } = options.SendQueue;

    public long SendTimeoutMs { get; } = Ms(options.SendQueue.Timeout);

    public int RatePerSecond { get; } = options.RateLimit.PerSecond;

    public int RateBurst { get; } = options.RateLimit.Burst;

    /// <summary>
    /// How many messages over the limit are looked at for an id to answer, a second: as many as the limit allows, and
    /// where that is little, as many as cost little.
    /// </summary>
    public int AnswersPerSecond { get; } = Math.Max(options.RateLimit.PerSecond, MinAnswersPerSecond);

    /// <summary>The same at once.</summary>
    public int AnswersBurst { get; } = Math.Max(options.RateLimit.Burst, MinAnswersBurst);

    public long PingAfterMs { get; } = Ms(options.KeepAlive.Interval);

    public long PongWithinMs { get; } = Ms(options.KeepAlive.Timeout);

    public long IdleMs { get; } = Ms(options.IdleTimeout);

    /// <summary>
    /// How often a client should say that it is alive: half of the time after which it would be cut for its silence, so
    /// that a heartbeat may be late by as much again; where nobody is cut, half of the longest pause that the protocol
    /// suggests.
    /// </summary>
    public TimeSpan HeartbeatInterval { get; } = options.IdleTimeout.Value > TimeSpan.Zero
        ? TimeSpan.FromTicks(Math.Min(options.IdleTimeout.Value.Ticks / 2, MaxHeartbeat.Ticks))
        : MaxHeartbeat;

    public bool ReportInvalid { get; } = options.InvalidMessages == InvalidMessages.Report;

    public bool ReplaceDuplicates { get; } = options.DuplicateClients == DuplicateClients.Replace;

    public bool KeepRequestHeaders { get; } = options.KeepRequestHeaders;

    private static long Ms(Duration duration) => (long)duration.Value.TotalMilliseconds;
}
