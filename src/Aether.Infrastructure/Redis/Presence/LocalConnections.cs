using Aether.Domain;

namespace Aether.Infrastructure.Redis.Presence;

/// <summary>
/// The open connections of a client in a group on this instance, in the order in which they came: the newest says the
/// client's role. Not thread-safe; whoever has it locks.
/// </summary>
internal sealed class LocalConnections
{
    // Nearly always one.
    private readonly List<LocalConnection> open = new(1);

    // When the newest role was said whose connection closed since: if it is what Redis has, another one takes its place.
    private long closed;

    /// <summary>How many there are.</summary>
    public int Count => open.Count;

    /// <summary>The newest, where there is one.</summary>
    public LocalConnection Newest => open[^1];

    /// <summary>One more, which says this role.</summary>
    public LocalConnection Open(Role role)
    {
        var connection = new LocalConnection(role);
        open.Add(connection);
        return connection;
    }

    /// <summary>One less, where there is one: the oldest of those with this role, since which one it was makes no other role.</summary>
    public void Close(Role role)
    {
        int found = Math.Max(0, open.FindIndex(one => one.Role == role));
        var connection = open[found];
        open.RemoveAt(found);
        connection.IsClosed = true;
        Unsaid(connection.RoleTime);
    }

    /// <summary>It never was one: nobody is to hear of its role.</summary>
    public void Forget(LocalConnection connection) => open.Remove(connection);

    /// <summary>All of them are gone, for good.</summary>
    public void Clear() => open.Clear();

    /// <summary>Redis has the roles of these, and says when they were said.</summary>
    public void Said(IEnumerable<LocalConnection?> connections, long at)
    {
        foreach (var connection in connections)
        {
            if (connection is null)
                continue;
            connection.RoleTime = at;
            // It closed while that was on its way.
            if (connection.IsClosed)
                Unsaid(at);
        }
    }

    /// <summary>A role that was said then is nobody's any more, which Redis does not know yet.</summary>
    public void Unsaid(long at) => closed = Math.Max(closed, at);

    /// <summary>
    /// When the newest of the roles was said that are nobody's any more, in ms by Redis's clock, to tell Redis; 0: there is
    /// none.
    /// </summary>
    public long TakeClosed()
    {
        long at = closed;
        closed = 0;
        return at;
    }
}

/// <summary>A connection of a client on this instance.</summary>
/// <param name="role">The role that it says.</param>
internal sealed class LocalConnection(Role role)
{
    /// <summary>The role that it says.</summary>
    public Role Role => role;

    /// <summary>When it said it, in ms by Redis's clock; 0: it did not yet.</summary>
    public long RoleTime { get; set; }

    /// <summary>Whether it is closed.</summary>
    public bool IsClosed { get; set; }
}
