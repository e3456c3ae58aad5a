using Aether.Application.Ports;
using Aether.Domain;

namespace Aether.Infrastructure.Redis.Presence;

/// <summary>
/// Finds the instances that hold a client of a group. Redis has what each incarnation holds under a key of its own; the
/// incarnations are those that have a lease. A new one shows in the connections that none of the known ones holds: then
/// the leases are read again.
/// </summary>
internal sealed class PresencePlaces(PresenceScripts scripts, TimeProvider time, TimeSpan lease)
{
    private volatile Incarnations? known;

    /// <summary>Says where a client is in a group.</summary>
    public async Task<ClientPlaces> FindAsync(VisionId group, VisionId client)
    {
        var incarnations = known;
        // Those of the dead are asked for what they hold until they are forgotten here.
        bool isFresh = incarnations is null || time.GetElapsedTime(incarnations.ReadAt) > lease;
        if (isFresh)
            incarnations = await ReadAsync().ConfigureAwait(false);
        var found = await scripts.FindAsync(group, client, incarnations!.Ids).ConfigureAwait(false);
        if (found.HeldConnections < found.Connections && !isFresh)
        {
            incarnations = await ReadAsync().ConfigureAwait(false);
            found = await scripts.FindAsync(group, client, incarnations.Ids).ConfigureAwait(false);
        }
        // Somebody has it, whoever that is.
        if (found.Connections > 0)
            return ClientPlaces.On(Math.Max(1, found.Incarnations));
        return new ClientPlaces(PlacesKnown.Known, 0, Elsewhere: found.IsMember);
    }

    private async Task<Incarnations> ReadAsync()
    {
        long now = time.GetTimestamp();
        return known = new Incarnations(await scripts.GetIncarnationsAsync().ConfigureAwait(false), now);
    }

    private sealed record Incarnations(string[] Ids, long ReadAt);
}

/// <summary>What Redis holds of a client in a group.</summary>
/// <param name="Connections">Its connections on all instances of this implementation.</param>
/// <param name="IsMember">Whether it is in the Set of the group's members.</param>
/// <param name="Incarnations">How many of the incarnations that were asked for hold some of the connections.</param>
/// <param name="HeldConnections">How many connections those hold.</param>
internal readonly record struct Found(int Connections, bool IsMember, int Incarnations, int HeldConnections);
