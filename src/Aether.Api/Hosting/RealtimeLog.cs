namespace Aether.Api.Hosting;

/// <summary>
/// Everything that the host layer logs. No message, key or credential, and of a fault only its type: its text may hold
/// what a user sent.
/// </summary>
internal static partial class RealtimeLog
{
    [LoggerMessage(1, LogLevel.Information,
        "Aether Realtime V3 listens on {Addresses}; backplane: {Backplane}; credentials: {Credentials}")]
    public static partial void Started(this ILogger logger, string addresses, string backplane, string credentials);

    [LoggerMessage(2, LogLevel.Error, "A command failed with {Fault}; its sender was told.")]
    public static partial void CommandFailed(this ILogger logger, string fault);

    [LoggerMessage(3, LogLevel.Information, "Draining {Connections} connections over {Seconds:0.0} s")]
    public static partial void Draining(this ILogger logger, int connections, double seconds);

    [LoggerMessage(4, LogLevel.Information, "Drained; {Connections} connections are left and are ended now")]
    public static partial void Drained(this ILogger logger, int connections);

    [LoggerMessage(5, LogLevel.Error, "A connection failed with {Fault}.")]
    public static partial void ConnectionFailed(this ILogger logger, string fault);

    [LoggerMessage(6, LogLevel.Warning,
        "The changed configuration is refused, and the one before stays in force: {Failures}")]
    public static partial void ReloadRefused(this ILogger logger, string failures);

    [LoggerMessage(7, LogLevel.Error, "A request of the HTTP API failed with {Fault}.")]
    public static partial void RequestFailed(this ILogger logger, string fault);
}
