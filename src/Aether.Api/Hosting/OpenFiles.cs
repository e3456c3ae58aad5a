using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Aether.Api.Hosting;

/// <summary>
/// How many files and sockets this process may have open. The system gives each new one the lowest number that is free,
/// so the number alone tells how far the limit is away: nothing has to be counted.
/// </summary>
internal static class OpenFiles
{
    /// <summary>Where the limit is not known, nothing is limited.</summary>
    public const long Unlimited = long.MaxValue;

    // Of Linux; elsewhere the numbers differ, and this server is not run there.
    private const int OpenFilesResource = 7;

    /// <summary>The limit that is in force now. The runtime raises it at start as far as it may be raised.</summary>
    public static long Limit =>
        OperatingSystem.IsLinux() && GetLimit(OpenFilesResource, out var limit) == 0 && limit.Current <= int.MaxValue
            ? (long)limit.Current
            : Unlimited;

    /// <summary>
    /// What part of a limit sockets leave free: for files that are opened for a moment, connections to Redis, and
    /// whatever else the process needs to go on.
    /// </summary>
    public static long Reserve(long limit) => Math.Clamp(limit / 8, 32, 256);

    /// <summary>The number that the next file or socket will get; the limit, if there is no room for one.</summary>
    public static long Next(long limit)
    {
        try
        {
            using var probe = File.OpenHandle("/dev/null", share: FileShare.ReadWrite);
            return NumberOf(probe);
        }
        catch (IOException)
        {
            return limit;
        }
    }

    private static long NumberOf(SafeFileHandle handle) => handle.DangerousGetHandle();

    [DllImport("libc", EntryPoint = "getrlimit")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int GetLimit(int resource, out ResourceLimit limit);

    [StructLayout(LayoutKind.Sequential)]
    private readonly struct ResourceLimit
    {
        public readonly nuint Current;
        public readonly nuint Maximum;
    }
}
