using Aether.Domain;

namespace Aether.Infrastructure.Redis.Presence;

/// <summary>
/// The clients of one group that have connections on this instance, and whether Redis knows that it has any.
/// </summary>
internal sealed class LocalGroup(VisionId id)
{
    private readonly Lock gate = new();
    private readonly Dictionary<VisionId, LocalMember> members = [];
    private PresenceLease? lease;
    private Task<bool>? registration;
    private bool gone;

    /// <summary>The group.</summary>
    public VisionId Id => id;

    /// <summary>The member of a client; <see langword="null"/> if this object is done with.</summary>
    public LocalMember? FindOrAdd(VisionId client)
    {
        lock (gate)
        {
            if (gone)
                return null;
            if (!members.TryGetValue(client, out var member))
                members.Add(client, member = new LocalMember(this, client));
            return member;
        }
    }

    /// <summary>The member of a client, if there is one.</summary>
    public LocalMember? Find(VisionId client)
    {
        lock (gate)
            return members.GetValueOrDefault(client);
    }

    /// <summary>Takes a member out that is done with.</summary>
    /// <returns>Whether the group is empty now.</returns>
    public bool Remove(LocalMember member)
    {
        lock (gate)
        {
            // Another one may have taken its place.
            if (members.GetValueOrDefault(member.Client) == member)
                members.Remove(member.Client);
            return members.Count == 0;
        }
    }

    /// <summary>All members at this moment.</summary>
    public LocalMember[] Snapshot()
    {
        lock (gate)
            return [.. members.Values];
    }

    /// <summary>
    /// Makes sure that Redis knows which groups to look at when this instance dies, before the first member is
    /// written: once per lease, however many members wait for it.
    /// </summary>
    public Task<bool> RegisterAsync(PresenceLease current, PresenceScripts scripts)
    {
        lock (gate)
        {
            bool failed = registration is { IsCompleted: true } done && !(done.IsCompletedSuccessfully && done.Result);
            if (registration is null || failed || lease != current)
            {
                lease = current;
                current.Groups.TryAdd(id, true);
                registration = scripts.RegisterAsync(current, id);
            }
            return registration;
        }
    }

    /// <summary>Forgets the group if it is empty; what it is registered under is told.</summary>
    /// <param name="current">The lease of the instance.</param>
    /// <param name="scripts">Takes the registration back.</param>
    /// <param name="done">The end of that.</param>
    public bool TryForget(PresenceLease current, PresenceScripts scripts, out Task done)
    {
        lock (gate)
        {
            done = Task.CompletedTask;
            if (gone || members.Count > 0)
                return false;
            gone = true;
            if (lease == current)
            {
                // Sent inside the lock: the group's next object registers it again, and that has to come after this.
                current.Groups.TryRemove(id, out _);
                done = scripts.UnregisterAsync(current, id);
            }
            return true;
        }
    }
}
