using System.Collections.Concurrent;
using Aether.Application.Ports;
using Aether.Domain;

namespace Aether.Infrastructure.InMemory;

/// <summary>Presence within one process. It is whole for as long as the process lives.</summary>
internal sealed class InMemoryPresenceStore(TimeProvider time) : IPresenceStore
{
    private static readonly byte[] NoState = "{}"u8.ToArray();
    private static readonly Task<PresenceChange> Nothing =
        Task.FromResult(new PresenceChange(PresenceTransition.None, null));

    private readonly ConcurrentDictionary<VisionId, Group> groups = [];

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
                entry.Connections++;
                entry.Role = role;
                entry.LastSeen = now;
                return Task.FromResult(new PresenceChange(
                    came ? PresenceTransition.Came : PresenceTransition.None,
                    entry.ToMember(client),
                    there.Members.Count));
            }
        }
    }

    public Task<PresenceChange> LeaveAsync(VisionId group, VisionId client, CancellationToken cancellationToken)
    {
        if (!groups.TryGetValue(group, out var there))
            return Nothing;
        lock (there)
        {
            if (!there.Members.TryGetValue(client, out var entry))
                return Nothing;
            if (entry.Connections > 1)
            {
                entry.Connections--;
                return Task.FromResult(new PresenceChange(PresenceTransition.None, entry.ToMember(client)));
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
            return Task.FromResult(new PresenceChange(PresenceTransition.None, entry.ToMember(client)));
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

    private DateTime Now() => time.GetUtcNow().UtcDateTime;

    private sealed class Group
    {
        public Dictionary<VisionId, Entry> Members { get; } = [];

        public bool Gone { get; set; }
    }

    private sealed class Entry
    {
        public int Connections { get; set; }

        public Role Role { get; set; }

        public byte[] State { get; set; } = NoState;

        public DateTime JoinedAt { get; init; }

        public DateTime LastSeen { get; set; }

        public Member ToMember(VisionId client) => new(client, Role, State, Connections, JoinedAt, LastSeen);
    }
}
