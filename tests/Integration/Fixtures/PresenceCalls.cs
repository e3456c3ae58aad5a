using Aether.Application.Ports;
using Aether.Domain;

namespace Aether.Tests.Integration.Fixtures;

/// <summary>Calls as tests make them to which a client's role says nothing.</summary>
internal static class PresenceCalls
{
    /// <summary>Takes back one connection of a worker.</summary>
    public static Task<PresenceChange> LeaveAsync(
        this IPresenceStore store, VisionId group, VisionId client, CancellationToken cancellationToken) =>
        store.LeaveAsync(group, client, Role.Worker, cancellationToken);
}
