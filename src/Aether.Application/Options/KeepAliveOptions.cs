namespace Aether.Application;

/// <summary>When a silent peer is pinged, and when it is given up.</summary>
public sealed class KeepAliveOptions
{
    /// <summary>After how long without a byte from the peer it is pinged. 0: never.</summary>
    public Duration Interval { get; set; } = Duration.FromSeconds(15);

    /// <summary>How long after a ping a byte from the peer must have come.</summary>
    public Duration Timeout { get; set; } = Duration.FromSeconds(15);
}
