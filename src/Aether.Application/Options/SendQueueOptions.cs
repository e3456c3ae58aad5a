namespace Aether.Application;

/// <summary>
/// The bounds of a connection's outgoing queue; over either one the connection is closed as too slow.
/// </summary>
public sealed class SendQueueOptions
{
    /// <summary>Messages that wait.</summary>
    public int Messages { get; set; } = 1_024;

    /// <summary>Bytes that wait.</summary>
    public int Bytes { get; set; } = 1_048_576;

    /// <summary>How long a send may make no progress before the connection is aborted.</summary>
    public Duration Timeout { get; set; } = Duration.FromSeconds(10);
}
