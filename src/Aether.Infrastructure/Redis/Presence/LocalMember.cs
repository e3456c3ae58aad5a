using Aether.Application.Ports;
using Aether.Domain;

namespace Aether.Infrastructure.Redis.Presence;

/// <summary>
/// The truth about one client in one group on this instance, and what Redis is known to hold of it. One write at a time
/// is on its way for a client, always of the newest truth: what changes meanwhile waits, and one more write covers it
/// all. So an old value can never arrive after a newer one, and a thousand changes at once cost few round trips.
/// </summary>
internal sealed class LocalMember(LocalGroup group, VisionId client)
{
    private static readonly byte[] NoState = "{}"u8.ToArray();

    private readonly Lock gate = new();
    private List<Pending> waiting = [];
    private List<Pending> batch = [];

    private readonly LocalConnections connections = new();
    private bool writing;
    private bool ended;
    private bool dirty;

    // What Redis holds of this instance: under which lease, how many, and whether that is certain.
    private PresenceLease? lease;
    private int written;
    private bool certain = true;

    private bool unsaid;

    private Role role;
    private long joined;
    private long stateTime;
    private ReadOnlyMemory<byte> state = NoState;

    // What is told of the client: the last version that is known here, whether everybody is known to believe that it
    // is there, and the version at which they were told that it is not, though it is.
    private long version;
    private bool believed;
    private long gone;

    private enum Kind
    {
        Join,
        Leave,
        Repeat,
    }

    /// <summary>The group.</summary>
    public LocalGroup Group => group;

    /// <summary>The client.</summary>
    public VisionId Client => client;

    /// <summary>Its signs of life.</summary>
    public SignsOfLife Signs { get; } = new();

    /// <summary>Whether a connection of it is open on this instance.</summary>
    public bool IsConnected
    {
        get
        {
            lock (gate)
                return connections.Count > 0;
        }
    }

    /// <summary>
    /// One connection more. <paramref name="start"/> tells the caller to start the writing.
    /// <see langword="null"/>: this object is done with; find or make another one.
    /// </summary>
    public Task<PresenceChange>? Join(Role newRole, long now, out bool start)
    {
        lock (gate)
        {
            start = false;
            if (ended)
                return null;
            Signs.WrittenAt(now);
            return Wait(new Pending(Kind.Join, connections.Open(newRole)), out start);
        }
    }

    /// <summary>
    /// One connection less, which was opened as <paramref name="oldRole"/>. While the store <paramref name="canWrite"/>
    /// nothing, the truth changes all the same; the caller then marks the member.
    /// </summary>
    public Task<PresenceChange>? Leave(Role oldRole, bool canWrite, out bool start)
    {
        lock (gate)
        {
            start = false;
            if (connections.Count == 0)
                return null;
            connections.Close(oldRole);
            return canWrite || writing ? Wait(new Pending(Kind.Leave), out start) : Pending.Unwritten;
        }
    }

    /// <summary>Writes the truth again if it is not known to be in Redis.</summary>
    public Task<PresenceChange> Repeat(out bool start)
    {
        lock (gate)
        {
            dirty = false;
            start = false;
            return ended ? Pending.Nothing : Wait(new Pending(Kind.Repeat), out start);
        }
    }

    /// <summary>Ends every connection, for good, and waits for a write that is on its way.</summary>
    public Task Close()
    {
        lock (gate)
        {
            connections.Clear();
            return writing ? Wait(new Pending(Kind.Repeat), out _) : Task.CompletedTask;
        }
    }

    /// <summary>
    /// The group was told at some version that the client went. If that is newer than all that is known here, and yet a
    /// connection of it is open, somebody was mistaken, and the caller marks the member: what Redis answers to the truth
    /// is told.
    /// </summary>
    public bool ToldGone(long at)
    {
        lock (gate)
        {
            if (at <= version)
                return false;
            // Its own going was told by another instance, or this one will tell of its coming.
            believed = false;
            if (connections.Count == 0)
                return false;
            gone = Math.Max(gone, at);
            // A write that is under way is followed by another one.
            return !writing;
        }
    }

    /// <summary>The role is to be said that its newest connection here has.</summary>
    /// <returns>Whether the caller has to mark the member.</returns>
    public bool ToldRoleUnsaid()
    {
        lock (gate)
        {
            unsaid = connections.Count > 0;
            // As above.
            return unsaid && !writing;
        }
    }

    /// <summary>Others may have removed it, and told so: if it has to be registered anew, that is a coming.</summary>
    public void MayBeGone()
    {
        lock (gate)
            believed = false;
    }

    /// <summary>Whether the caller is the one to put it in line for being written again.</summary>
    public bool MarkDirty()
    {
        lock (gate)
        {
            bool first = !dirty && !ended;
            dirty |= first;
            return first;
        }
    }

    /// <summary>The next write, or none: then the writing has ended.</summary>
    /// <param name="current">The lease that everything has to be under.</param>
    /// <param name="removed">Whether nothing is left of the member.</param>
    public PresenceWrite? Next(PresenceLease current, out bool removed)
    {
        lock (gate)
        {
            removed = false;
            (batch, waiting) = (waiting, batch);
            int count = connections.Count;
            if (count > 0 && (lease != current || !certain || written != count || gone > version || unsaid
                || batch.Exists(static pending => pending.Kind == Kind.Join)))
            {
                var newest = connections.Newest;
                unsaid = false;
                return new PresenceWrite(
                    current, count, newest.Role, newest.RoleTime, joined, stateTime, state, version, gone, connections.TakeClosed());
            }
            // What a removal takes away is taken from the lease that it was held under, current or not: if the answer
            // to an earlier removal was lost, only this instance knows that the client went.
            if (count == 0 && lease is not null && (!certain || written > 0))
                return new PresenceWrite(lease, 0, role, 0, joined, stateTime, state, version, 0, connections.TakeClosed());
            foreach (var pending in batch)
                pending.TrySetResult(new PresenceChange(PresenceTransition.None, null));
            batch.Clear();
            writing = false;
            ended = removed = count == 0;
            return null;
        }
    }

    /// <summary>Takes the answer to a write.</summary>
    /// <param name="write">What was written.</param>
    /// <param name="answer">What Redis said.</param>
    /// <param name="wiped">Whether Redis did not hold what it is known to have held.</param>
    /// <returns>The change, if none of the calls that waited for this write made it.</returns>
    public PresenceChange? Succeeded(PresenceWrite write, Held answer, out bool wiped)
    {
        lock (gate)
        {
            wiped = certain && lease == write.Lease && answer.Before != written;
            var transition = answer.Transition switch
            {
                // Redis forgot it. Nobody was told that it went, so nobody is told that it came.
                HeldTransition.Came when !believed => PresenceTransition.Came,
                HeldTransition.Went => PresenceTransition.Went,
                // Redis was wiped, or an earlier removal was carried out and its answer lost. This instance told that
                // the client was there, so it tells that it went, unless somebody did.
                HeldTransition.Absent when lease == write.Lease && believed => PresenceTransition.Went,
                _ => PresenceTransition.None,
            };
            var member = answer.Member ?? (transition == PresenceTransition.Went ? ToMember(answer.Version) : null);
            version = Math.Max(version, answer.Version);
            gone = gone > version ? gone : 0;
            // Without a connection here others may tell that it went.
            believed = gone == 0 && write.Connections > 0;
            (lease, written, certain) = (write.Lease, write.Connections, true);
            if (write.Connections == 0)
            {
                // Who comes next starts anew.
                (role, joined, stateTime, state) = (Role.None, 0, 0, NoState);
            }
            else if (answer.Member is { } now)
            {
                (role, joined) = (now.Role, answer.Joined);
                // It is that of the joins that waited.
                if (write.RoleTime == 0)
                    connections.Said(batch.Select(static pending => pending.Connection), answer.RoleTime);
                if (answer.StateTime > stateTime)
                    (state, stateTime) = (now.State, answer.StateTime);
            }
            // What is said next counts, and nobody here says it.
            bool lost = answer.Transition == HeldTransition.Stays && answer.RoleTime == 0;
            bool tells = answer.RoleChanged || lost;
            var maker = transition switch
            {
                PresenceTransition.Came => batch.Find(static pending => pending.Kind == Kind.Join),
                PresenceTransition.Went => batch.FindLast(static pending => pending.Kind == Kind.Leave),
                _ when tells => batch.FindLast(static pending => pending.Kind != Kind.Repeat),
                _ => null,
            };
            foreach (var pending in batch)
            {
                pending.TrySetResult(new PresenceChange(
                    pending == maker ? transition : PresenceTransition.None,
                    transition == PresenceTransition.Went && pending != maker ? null : member,
                    answer.GroupSize)
                {
                    RoleChanged = pending == maker && answer.RoleChanged,
                    RoleUnsaid = pending == maker && lost,
                });
            }
            batch.Clear();
            return (transition == PresenceTransition.None && !tells) || maker is not null
                ? null
                : new PresenceChange(transition, member, answer.GroupSize)
                {
                    RoleChanged = answer.RoleChanged,
                    RoleUnsaid = lost,
                };
        }
    }

    /// <summary>
    /// A write came after the end of the lease: whoever cleans up after that lease removes what it held, and tells.
    /// </summary>
    public void LeftToOthers(PresenceWrite write)
    {
        lock (gate)
        {
            (lease, written, certain, believed) = (null, 0, true, false);
            // Who comes after a removal starts anew. A connection that is open says under the next lease what it is.
            if (write.Connections == 0)
                (role, joined, stateTime, state) = (Role.None, 0, 0, NoState);
            else
                connections.Unsaid(write.Closed);
            waiting.InsertRange(0, batch);
            batch.Clear();
        }
    }

    /// <summary>
    /// Redis refused a write, so nothing of it happened: the joins in it failed, and the rest is tried without them.
    /// </summary>
    /// <returns>Whether there was a join in it; otherwise there is nothing to do without.</returns>
    public bool Refused(PresenceWrite write, BackplaneFault why)
    {
        lock (gate)
        {
            if (!batch.Exists(static pending => pending.Kind == Kind.Join))
                return false;
            connections.Unsaid(write.Closed);
            foreach (var pending in batch)
            {
                if (pending.Kind == Kind.Join)
                    Fail(pending, why);
                else
                    waiting.Add(pending);
            }
            batch.Clear();
            return true;
        }
    }

    /// <summary>Nobody knows what became of a write. The writing has ended; the caller marks the member.</summary>
    public void Failed(PresenceWrite write, BackplaneFault why)
    {
        lock (gate)
        {
            bool absent = !believed && (lease != write.Lease || (certain && written == 0));
            if (absent && batch.Exists(static pending => pending.Kind == Kind.Join))
                write.Lease.Unannounced.TryAdd((group.Id, client), true);
            if (lease != write.Lease)
                (lease, written) = (write.Lease, 0);
            certain = false;
            connections.Unsaid(write.Closed);
            foreach (var pending in batch)
                Fail(pending, why);
            foreach (var pending in waiting)
                Fail(pending, why);
            batch.Clear();
            waiting.Clear();
            writing = false;
        }
    }

    /// <summary>Remembers a state that was written for the client.</summary>
    /// <returns>Whether the client should have been present, though Redis did not know it.</returns>
    public bool Updated(Held answer)
    {
        lock (gate)
        {
            if (answer.Member is { } member && answer.StateTime > stateTime)
                (state, stateTime) = (member.State, answer.StateTime);
            version = Math.Max(version, answer.Version);
            return answer.Member is null && connections.Count > 0 && certain && written > 0;
        }
    }

    private Task<PresenceChange> Wait(Pending pending, out bool start)
    {
        waiting.Add(pending);
        start = !writing;
        writing = true;
        return pending.Task;
    }

    private void Fail(Pending pending, BackplaneFault why)
    {
        // A join that failed is not registered: its connection is not taken back by anybody else.
        if (pending.Connection is { } connection)
            connections.Forget(connection);
        pending.TrySetResult(PresenceChange.Unavailable(why));
    }

    private Member ToMember(long at)
    {
        var since = DateTime.UnixEpoch.AddMilliseconds(joined);
        return new Member(client, role, state, written, since, since) { Version = at };
    }

    /// <summary>A call that waits for a write. It goes on elsewhere: nothing of it runs inside the lock.</summary>
    private sealed class Pending(Kind kind, LocalConnection? connection = null)
        : TaskCompletionSource<PresenceChange>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public static readonly Task<PresenceChange> Nothing =
            System.Threading.Tasks.Task.FromResult(new PresenceChange(PresenceTransition.None, null));

        public static readonly Task<PresenceChange> Unwritten =
            System.Threading.Tasks.Task.FromResult(PresenceChange.Unavailable(BackplaneFault.Unverified));

        public Kind Kind => kind;

        /// <summary>The one that joins.</summary>
        public LocalConnection? Connection => connection;
    }
}
