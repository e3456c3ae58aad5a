using System.Reflection;
using Aether.Api.WebSockets;
using Aether.Application.Ports;

namespace Aether.Api.Telemetry;

/// <summary>What this process tells of itself.</summary>
internal sealed class InstanceStatus(Instance instance, ConnectionRegistry connections, TimeProvider time)
    : IInstanceStatus
{
    // Enough of a commit to find it.
    private const int CommitLength = 8;

    private readonly DateTime startedAt = time.GetUtcNow().UtcDateTime;
    private readonly long started = time.GetTimestamp();

    /// <summary>The version that was built, and the commit that it was built from where the build knew it.</summary>
    public static string Version { get; } = ReadVersion();

    /// <summary>The version without the commit.</summary>
    public static string Release { get; } = Version.Split('+')[0];

    public InstanceFacts Read() =>
        new(instance.Id, Version, startedAt, time.GetElapsedTime(started), connections.Count);

    private static string ReadVersion()
    {
        var assembly = typeof(InstanceStatus).Assembly;
        string version = assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion
            ?? assembly.GetName().Version?.ToString() ?? "";
        int commit = version.IndexOf('+', StringComparison.Ordinal) + 1;
        return commit > 0 && version.Length > commit + CommitLength ? version[..(commit + CommitLength)] : version;
    }
}
