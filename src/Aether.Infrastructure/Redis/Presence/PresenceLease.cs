using System.Collections.Concurrent;
using Aether.Domain;

namespace Aether.Infrastructure.Redis.Presence;

/// <summary>
/// One incarnation of this instance. It holds members while its lease lasts; an instance that lost its lease takes
/// another incarnation, so that nothing which is still on its way for the old one can meet what the new one writes.
/// </summary>
internal sealed class PresenceLease(long end, long renewedAt)
{
    private long end = end;
    private long renewedAt = renewedAt;

    /// <summary>The name of the incarnation; no other instance and no other start has it.</summary>
    public required string Id { get; init; }

    /// <summary>
    /// When the lease ends at the earliest, in ms by Redis's clock. Redis refuses what is written later.
    /// </summary>
    public long End => Volatile.Read(ref end);

    /// <summary>The timestamp before the last renewal that succeeded was sent.</summary>
    public long RenewedAt => Volatile.Read(ref renewedAt);

    /// <summary>Every group that it may hold members in.</summary>
    public ConcurrentDictionary<VisionId, bool> Groups { get; } = [];

    /// <summary>
    /// Clients that it may hold though their join was told to have failed. Nobody heard of their coming, so nobody
    /// must hear of their going.
    /// </summary>
    public ConcurrentDictionary<(VisionId Group, VisionId Client), bool> Unannounced { get; } = [];

    /// <summary>The run of the server that gave it; empty if the server does not say.</summary>
    public string Run { get; init; } = "";

    /// <summary>
    /// Whether Redis forgot it, and with it all that was held under it: nobody else removes that, or tells of it.
    /// </summary>
    public bool Wiped { get; set; }

    /// <summary>Until when Redis takes what is written under it: what nobody else cleans up, at any time.</summary>
    public long Fence => Wiped ? long.MaxValue : End;

    /// <summary>Whether all it held was taken from it, so that only its own keys are left.</summary>
    public bool Emptied { get; set; }

    /// <summary>Notes a renewal.</summary>
    public void Renew(long newEnd, long sentAt)
    {
        Volatile.Write(ref end, newEnd);
        Volatile.Write(ref renewedAt, sentAt);
    }
}
