using Aether.Domain;

namespace Aether.Application.Ports;

/// <summary>
/// Knows which clients are present in which group, over all instances. A client is present while one of its connections
/// in the group is open. Adapters: Redis, and memory for a single process.
/// </summary>
internal interface IPresenceStore
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
    /// <param name="group">The group.</param>
    /// <param name="client">The client.</param>
    /// <param name="role">What the connection was opened as: of those that stay the newest says the client's role.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns><see cref="PresenceTransition.Went"/> exactly when it was the client's last one anywhere.</returns>
    Task<PresenceChange> LeaveAsync(VisionId group, VisionId client, Role role, CancellationToken cancellationToken);

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

    /// <summary>
    /// The group was told that a client went. An adapter whose instance holds a connection of it, and knows of nothing
    /// newer, sees to it that the group is told otherwise.
    /// </summary>
    /// <param name="group">The group.</param>
    /// <param name="client">The client that is said to have gone.</param>
    /// <param name="version">The <see cref="Member.Version"/> of its going.</param>
    void ToldGone(VisionId group, VisionId client, long version)
    {
    }

    /// <summary>
    /// Nobody says the role of a client any more, as another instance says. An adapter whose instance holds a connection of
    /// it sees to it that its role is said.
    /// </summary>
    void ToldRoleUnsaid(VisionId group, VisionId client)
    {
    }

    /// <summary>
    /// Says where a client is present in a group, as it is now. It never throws for a store that cannot be reached.
    /// </summary>
    /// <param name="group">The group.</param>
    /// <param name="client">The client.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    ValueTask<ClientPlaces> FindAsync(VisionId group, VisionId client, CancellationToken cancellationToken) =>
        default;

    /// <summary>Reads the members of a group, in no order.</summary>
    /// <returns><see langword="null"/> if the store cannot be reached.</returns>
    Task<IReadOnlyList<Member>?> GetMembersAsync(VisionId group, CancellationToken cancellationToken);
}

/// <summary>What a store knows of where a client is present in a group.</summary>
internal enum PlacesKnown
{
    /// <summary>The store keeps no such thing: whether the client's channel is heard has to do.</summary>
    NotKept,

    /// <summary>The store could not be reached.</summary>
    Unavailable,

    /// <summary>It is known.</summary>
    Known,
}

/// <summary>Where a client is present in a group.</summary>
/// <param name="Known">Whether that is known.</param>
/// <param name="Instances">How many instances hold a connection of the client in the group.</param>
/// <param name="Elsewhere">
/// Whether none of ours does, and yet another implementation has the client among the group's members.
/// </param>
internal readonly record struct ClientPlaces(PlacesKnown Known, int Instances = 0, bool Elsewhere = false)
{
    /// <summary>The store could not be reached.</summary>
    public static ClientPlaces Unavailable => new(PlacesKnown.Unavailable);

    /// <summary>
    /// How many of the instances that heard a message to the client have it there. No more than heard it: who left
    /// meanwhile, or whose instance died, may still be on the books.
    /// </summary>
    public int AtMost(int heard) =>
        Known == PlacesKnown.Known ? Math.Min(heard, Elsewhere ? 1 : Instances) : heard;

    /// <summary>So many instances hold it.</summary>
    public static ClientPlaces On(int instances) => new(PlacesKnown.Known, instances);
}

/// <summary>What a call changed in who is present.</summary>
internal enum PresenceTransition
{
    /// <summary>The store did not do it; <see cref="PresenceChange.Fault"/> says why.</summary>
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
/// <param name="GroupSize">How many members the group has now; not with every change.</param>
/// <param name="Reason">Why the client went, if there is more to say than that its last connection closed.</param>
/// <param name="Fault">Why the store did not do it, if it did not.</param>
internal readonly record struct PresenceChange(
    PresenceTransition Transition,
    Member? Member,
    int GroupSize = 0,
    string? Reason = null,
    BackplaneFault Fault = default)
{
    /// <summary>Whether the client is there as before, but in another role: that of its newest connection now.</summary>
    public bool RoleChanged { get; init; }

    /// <summary>
    /// Whether the connection closed that said the client's role, and those that stay are on other instances: the
    /// newest of them has to say its role again.
    /// </summary>
    public bool RoleUnsaid { get; init; }

    /// <summary>The store did not do it.</summary>
    public static PresenceChange Unavailable(BackplaneFault fault) =>
        new(PresenceTransition.Unavailable, null, Fault: fault);
}

/// <summary>
/// Hears of every change of who is present, and exactly one instance hears of each: from the handlers of those that a
/// connection made, and from the store of those that none did (members of a dead instance that were removed here, and
/// members of this one that had to be registered again).
/// </summary>
internal interface IPresenceWatcher
{
    /// <summary>Takes a change. It must not wait.</summary>
    void OnChanged(VisionId group, PresenceChange change);

    /// <summary>
    /// The instance ends: what was taken and is not told yet is told now. Completes when that was tried.
    /// </summary>
    Task FlushAsync() => Task.CompletedTask;
}
