namespace Aether.Domain;

/// <summary>What a client is in its group.</summary>
public enum Role : byte
{
    /// <summary>It did not say.</summary>
    None,

    /// <summary>It gives the commands.</summary>
    Controller,

    /// <summary>It carries them out.</summary>
    Worker,

    /// <summary>It looks on.</summary>
    Observer,
}

/// <summary>A client that is present in a group: one of its connections there is open.</summary>
/// <param name="ClientId">Who.</param>
/// <param name="Role">What it is in the group, as its newest connection said.</param>
/// <param name="State">What it says of itself: a JSON object in UTF-8, <c>{}</c> until it says something.</param>
/// <param name="Connections">How many connections it has in the group, on all instances.</param>
/// <param name="JoinedAt">When its first connection came, by the store's clock, UTC.</param>
/// <param name="LastSeen">When it last connected or sent a heartbeat, by the same clock, UTC; up to 10 s late.</param>
public sealed record Member(
    VisionId ClientId,
    Role Role,
    ReadOnlyMemory<byte> State,
    int Connections,
    DateTime JoinedAt,
    DateTime LastSeen)
{
    /// <summary>
    /// The place of this in the order of all that is told of the client in its group, as the store gave it: what has a
    /// higher one is newer, whichever instance tells it and whatever comes first. Below 2^53; 0: not known.
    /// </summary>
    public long Version { get; init; }
}
