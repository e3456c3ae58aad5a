using Aether.Domain;

namespace Aether.Application.Ports;

/// <summary>
/// Knows which clients are present in which group, over all instances. A client is present while one of its connections
/// in the group is open. Adapters: Redis, and memory for a single process.
/// </summary>
public interface IPresenceStore
{
    /// <summary>
    /// Whether what the store says is whole: it can be reached and holds all that this instance registered.
    /// </summary>
    bool IsReady { get; }

    /// <summary>Registers one more connection of a client on this instance.</summary>
    /// <returns>
    /// <see cref="PresenceTransition.Came"/> for exactly one of the connections that a client opens while it is away,
    /// on whichever instance; <see cref="PresenceTransition.Unavailable"/> if it is not registered.
    /// </returns>
    Task<PresenceChange> JoinAsync(VisionId group, VisionId client, Role role, CancellationToken cancellationToken);

    /// <summary>
    /// Takes back one connection of a client on this instance. While the store cannot be reached the adapter
    /// remembers it, and removes it as soon as it can.
    /// </summary>
    /// <returns><see cref="PresenceTransition.Went"/> exactly when it was the client's last one anywhere.</returns>
    Task<PresenceChange> LeaveAsync(VisionId group, VisionId client, CancellationToken cancellationToken);

    /// <summary>Replaces what a present client says of itself.</summary>
    /// <param name="group">The group it is present in.</param>
    /// <param name="client">The client.</param>
    /// <param name="state">A JSON object in UTF-8.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns><see cref="PresenceTransition.None"/> with the member as it is now; no member if it is not
    /// present.</returns>
    Task<PresenceChange> UpdateStateAsync(
        VisionId group, VisionId client, ReadOnlyMemory<byte> state, CancellationToken cancellationToken);

    /// <summary>
    /// Notes a sign of life of a client that has a connection on this instance. Written later, with others': at most
    /// once per client in 10 s.
    /// </summary>
    void Touch(VisionId group, VisionId client);

    /// <summary>Reads the members of a group, in no order.</summary>
    /// <returns><see langword="null"/> if the store cannot be reached.</returns>
    Task<IReadOnlyList<Member>?> GetMembersAsync(VisionId group, CancellationToken cancellationToken);
}

/// <summary>What a call changed in who is present.</summary>
public enum PresenceTransition
{
    /// <summary>The store could not be reached.</summary>
    Unavailable,

    /// <summary>Who is present did not change.</summary>
    None,

    /// <summary>The client is present now and was not before.</summary>
    Came,

    /// <summary>The client was present and is not any more.</summary>
    Went,
}

/// <summary>The answer of a presence call.</summary>
/// <param name="Transition">What changed.</param>
/// <param name="Member">The member after the call, or as it was before it went; none if there is none.</param>
/// <param name="GroupSize">How many members the group has now; only with a client that came or went.</param>
/// <param name="Reason">Why the client went, if there is more to say than that its last connection closed.</param>
public readonly record struct PresenceChange(
    PresenceTransition Transition, Member? Member, int GroupSize = 0, string? Reason = null);

/// <summary>
/// Hears of every change of who is present, and exactly one instance hears of each: from the handlers of those that a
/// connection made, and from the store of those that none did (members of a dead instance that were removed here, and
/// members of this one that had to be registered again).
/// </summary>
public interface IPresenceWatcher
{
    /// <summary>Takes a change. It must not wait.</summary>
    void OnChanged(VisionId group, PresenceChange change);
}
