using Aether.Domain;

namespace Aether.Application.Ports;

/// <summary>
/// Knows what there is on the whole platform, for people who operate it: which groups have members, and which instances
/// run. Nothing that is sent waits for it. Adapters: Redis, and memory for a single process.
/// </summary>
internal interface IPresenceDirectory
{
    /// <summary>Reads the groups that have members, in no order, and how many each has.</summary>
    /// <param name="only">Looks at these alone; <see langword="null"/>: at all.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns><see langword="null"/> if the store cannot be reached.</returns>
    Task<IReadOnlyList<GroupSize>?> GetGroupsAsync(
        IReadOnlyCollection<VisionId>? only, CancellationToken cancellationToken);

    /// <summary>
    /// Reads what the instances tell of themselves, in no order. This one's is as it is now, another's a few seconds old.
    /// </summary>
    /// <returns><see langword="null"/> if the store cannot be reached.</returns>
    Task<IReadOnlyList<InstanceFacts>?> GetInstancesAsync(CancellationToken cancellationToken);
}

/// <summary>What the process that runs here tells of itself to the others.</summary>
internal interface IInstanceStatus
{
    /// <summary>The facts as they are now.</summary>
    InstanceFacts Read();
}

/// <summary>A group that has members.</summary>
/// <param name="GroupId">The group.</param>
/// <param name="Members">How many clients are present there, on all instances.</param>
internal readonly record struct GroupSize(VisionId GroupId, int Members);

/// <summary>What an instance tells of itself.</summary>
/// <param name="InstanceId">Its name, new at every start; the welcome has it too.</param>
/// <param name="Version">What it runs.</param>
/// <param name="StartedAt">When it started (UTC, by its own clock).</param>
/// <param name="Uptime">How long it ran when it told this.</param>
/// <param name="Connections">How many connections it had then, legacy ones included.</param>
internal sealed record InstanceFacts(
    string InstanceId, string Version, DateTime StartedAt, TimeSpan Uptime, int Connections);
