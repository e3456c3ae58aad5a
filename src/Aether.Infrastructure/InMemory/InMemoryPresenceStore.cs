using System.Collections.Concurrent;
using Aether.Application.Ports;
using Aether.Domain;

namespace Aether.Infrastructure.InMemory;

/// <summary>Presence within one process. It is whole for as long as the process lives.</summary>
internal sealed class InMemoryPresenceStore(TimeProvider time, IInstanceStatus? status = null)
    : IPresenceStore, IPresenceDirectory
{
    private static readonly byte[] NoState = "{}"u8.ToArray();
    private static readonly Task<PresenceChange> Nothing =
        Task.FromResult(new PresenceChange(PresenceTransition.None, null));

    private readonly ConcurrentDictionary<VisionId, Group> groups = [];
    private long lastVersion;

    public bool IsReady => true;

    public Task<PresenceChange> JoinAsync(
        VisionId group, VisionId client, Role role, CancellationToken cancellationToken)
    {
        while (true)
        {
            var there = groups.GetOrAdd(group, static _ => new Group());
            lock (there)
            {
                // Whoever took the last member out has taken the group out of the dictionary too: look again.
                if (there.Gone)
                    continue;
                var now = Now();
                bool came = !there.Members.TryGetValue(client, out var entry);
                if (entry is null)
                    there.Members.Add(client, entry = new Entry { JoinedAt = now });
                bool changed = !came && entry.Role != role;
                entry.Roles.Add(role);
                entry.LastSeen = now;
                entry.Version = NextVersion();
                return Task.FromResult(new PresenceChange(
                    came ? PresenceTransition.Came : PresenceTransition.None,
                    entry.ToMember(client),
                    there.Members.Count)
                {
                    RoleChanged = changed,
                });
            }
        }
    }

    public Task<PresenceChange> LeaveAsync(
        VisionId group, VisionId client, Role role, CancellationToken cancellationToken)
    {
        if (!groups.TryGetValue(group, out var there))
            return Nothing;
        lock (there)
        {
            if (!there.Members.TryGetValue(client, out var entry))
                return Nothing;
            entry.Version = NextVersion();
            if (entry.Roles.Count > 1)
            {
                var before = entry.Role;
                entry.Roles.RemoveAt(Math.Max(0, entry.Roles.IndexOf(role)));
                return Task.FromResult(new PresenceChange(PresenceTransition.None, entry.ToMember(client))
                {
                    RoleChanged = entry.Role != before,
                });
            }
            there.Members.Remove(client);
            if (there.Members.Count == 0)
            {
                there.Gone = true;
                groups.TryRemove(group, out _);
            }
            return Task.FromResult(new PresenceChange(
                PresenceTransition.Went, entry.ToMember(client), there.Members.Count));
        }
    }

    public Task<PresenceChange> UpdateStateAsync(
        VisionId group, VisionId client, ReadOnlyMemory<byte> state, CancellationToken cancellationToken)
    {
        if (!groups.TryGetValue(group, out var there))
            return Nothing;
        lock (there)
        {
            if (!there.Members.TryGetValue(client, out var entry))
                return Nothing;
            // A copy: the caller's memory may be a buffer that the next message is read into.
            entry.State = state.ToArray();
            entry.Version = NextVersion();
            return Task.FromResult(new PresenceChange(PresenceTransition.None, entry.ToMember(client), there.Members.Count));
        }
    }

    public void Touch(VisionId group, VisionId client)
    {
        if (!groups.TryGetValue(group, out var there))
            return;
        lock (there)
        {
            if (there.Members.TryGetValue(client, out var entry))
                entry.LastSeen = Now();
        }
    }

    public ValueTask<ClientPlaces> FindAsync(VisionId group, VisionId client, CancellationToken cancellationToken)
    {
        if (!groups.TryGetValue(group, out var there))
            return new(ClientPlaces.On(0));
        lock (there)
            return new(ClientPlaces.On(there.Members.ContainsKey(client) ? 1 : 0));
    }

    public Task<IReadOnlyList<Member>?> GetMembersAsync(VisionId group, CancellationToken cancellationToken)
    {
        if (!groups.TryGetValue(group, out var there))
            return Task.FromResult<IReadOnlyList<Member>?>([]);
        lock (there)
        {
            var members = new List<Member>(there.Members.Count);
            foreach (var (client, entry) in there.Members)
                members.Add(entry.ToMember(client));
            return Task.FromResult<IReadOnlyList<Member>?>(members);
        }
    }

    public Task<IReadOnlyList<GroupSize>?> GetGroupsAsync(
        IReadOnlyCollection<VisionId>? only, CancellationToken cancellationToken)
    {
        var sizes = new List<GroupSize>();
        foreach (var id in only ?? [.. groups.Keys])
        {
            if (!groups.TryGetValue(id, out var there))
                continue;
            lock (there)
            {
                if (there.Members.Count > 0)
                    sizes.Add(new GroupSize(id, there.Members.Count));
            }
        }
        return Task.FromResult<IReadOnlyList<GroupSize>?>(sizes);
    }

    public Task<IReadOnlyList<InstanceFacts>?> GetInstancesAsync(CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<InstanceFacts>?>(status is null ? [] : [status.Read()]);

    /// <summary>
    /// Above every version before: microseconds of the clock, so that they grow over a restart as well.
    /// </summary>
    private long NextVersion()
    {
        long micros = (time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
        long last, next;
        do
        {
            last = Volatile.Read(ref lastVersion);
            next = Math.Max(last + 1, micros);
        }
        while (Interlocked.CompareExchange(ref lastVersion, next, last) != last);
        return next;
    }

    private DateTime Now() => time.GetUtcNow().UtcDateTime;

    private sealed class Group
    {
        public Dictionary<VisionId, Entry> Members { get; } = [];

        public bool Gone { get; set; }
    }

    private sealed class Entry
    {
        /// <summary>What each open connection was opened as, the newest last.</summary>
        public List<Role> Roles { get; } = [];

        public Role Role => Roles[^1];

        public byte[] State { get; set; } = NoState;

        public DateTime JoinedAt { get; init; }

        public DateTime LastSeen { get; set; }

        public long Version { get; set; }

        public Member ToMember(VisionId client) =>
            new(client, Role, State, Roles.Count, JoinedAt, LastSeen) { Version = Version };
    }
}
