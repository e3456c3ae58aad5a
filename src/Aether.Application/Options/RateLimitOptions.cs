namespace Aether.Application;

/// <summary>A token bucket for each connection.</summary>
public sealed class RateLimitOptions
{
    /// <summary>Messages per second. 0: no limit.</summary>
    public int PerSecond { get; set; } = 1_000;

    /// <summary>Messages at once.</summary>
    public int Burst { get; set; } = 2_000;
}
