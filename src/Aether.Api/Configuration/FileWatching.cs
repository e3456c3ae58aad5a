namespace Aether.Api.Configuration;

/// <summary>
/// Builds a host that watches its settings files, also where the system lets nobody watch: each watcher takes one of the
/// inotify instances that the user has, and its other processes may have taken all of them. Then the files are looked at
/// every few seconds instead. A server that does not start for that would be the worse of both.
/// </summary>
internal static class FileWatching
{
    /// <summary>What the runtime's file providers read before they begin to watch.</summary>
    internal const string PollingVariable = "DOTNET_USE_POLLING_FILE_WATCHER";

    // The numbers of Linux, which the runtime puts into the exception.
    private const int TooManyOfTheSystem = 23;
    private const int TooManyOfTheUser = 24;
    private const int NoSpaceForWatches = 28;

    /// <summary>Builds, and once more without watchers if they cannot be had.</summary>
    /// <param name="build">Reads the settings, and whatever else watches files.</param>
    /// <param name="refusal">Why there are no watchers; null if there are.</param>
    public static T Build<T>(Func<T> build, out string? refusal)
    {
        try
        {
            refusal = null;
            return build();
        }
        catch (IOException e) when (IsRefusal(e) && Environment.GetEnvironmentVariable(PollingVariable) is null)
        {
            refusal = FaultCause.Of(e);
            Environment.SetEnvironmentVariable(PollingVariable, "1");
            return build();
        }
    }

    private static bool IsRefusal(IOException e) =>
        e.HResult is TooManyOfTheSystem or TooManyOfTheUser or NoSpaceForWatches
        && e.Message.Contains("inotify", StringComparison.OrdinalIgnoreCase);
}
