namespace Aether.Api;

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

    [LoggerMessage(8, LogLevel.Warning,
        "The legacy endpoint asks for no API key: whoever reaches the port may send to all V1 and V2 clients. Set "
        + "Legacy:RequireKey, or Legacy:Enabled to false.")]
    public static partial void LegacyAsksForNoKey(this ILogger logger);

    [LoggerMessage(EventId = 9,
        Message = "MaxConnections and Legacy:MaxConnections ({Connections}) do not fit into the limit of open files, "
        + "{Limit}: the server accepts about {Room} connections, and others wait. Raise the limit (ulimit -n, LimitNOFILE).")]
    public static partial void ConnectionsDoNotFit(
        this ILogger logger, LogLevel level, long connections, long limit, long room);

    [LoggerMessage(10, LogLevel.Warning,
        "The server accepts no connection until one ends: of {Limit} files and sockets that the process may have open, "
        + "the last {Reserve} are kept free. Told at most every 30 s.")]
    public static partial void ListenerPaused(this ILogger logger, long limit, long reserve);

    [LoggerMessage(11, LogLevel.Error,
        "The settings in {File} cannot be read, and those before stay in force: {Cause}")]
    public static partial void SettingsUnreadable(this ILogger logger, string file, string cause);

    [LoggerMessage(12, LogLevel.Warning,
        "No settings file can be watched, so they are looked at every few seconds: {Cause} Raise "
        + "fs.inotify.max_user_instances and max_user_watches.")]
    public static partial void FilesArePolled(this ILogger logger, string cause);

    [LoggerMessage(13, LogLevel.Error,
        "The host's AddRealtimeAuthorization failed with {Fault}; the request was refused.")]
    public static partial void AuthorizationFailed(this ILogger logger, string fault);

    [LoggerMessage(14, LogLevel.Information, "Exports {Signal} by OTLP ({Protocol}) to {Endpoint}")]
    public static partial void ExportsByOtlp(this ILogger logger, string signal, string protocol, string endpoint);

    [LoggerMessage(15, LogLevel.Warning,
        "What was to be exported by OTLP could not be: {Event}. It is tried again with what comes next. Told at most every 30 s.")]
    public static partial void OtlpExportFailed(this ILogger logger, string? @event);

    [LoggerMessage(16, LogLevel.Error, "Leases that may have ended could not be looked at ({Fault}); that is tried again")]
    public static partial void LeaseEndingFailed(this ILogger logger, string fault);

    [LoggerMessage(17, LogLevel.Error,
        "The settings could not be looked at, and those before stay in force ({Fault}); that is tried again")]
    public static partial void SettingsLookFailed(this ILogger logger, string fault);

    [LoggerMessage(20, LogLevel.Error, "What was revoked could not be read ({Fault}); that is tried again")]
    public static partial void RevocationReadingFailed(this ILogger logger, string fault);
}
