using Aether.Application.Tracing;
using Aether.Domain;

namespace Aether.Application.Delivery;

/// <summary>
/// One open connection, as the fan-out sees it. <see cref="Write"/> and <see cref="Flush"/> are called by its delivery
/// loop alone, so they need no lock; they must not wait, and they must not throw.
/// </summary>
internal abstract class Connection
{
    private TraceFeed[]? traces;

    /// <summary>Creates a connection of a client in a group.</summary>
    /// <param name="clientId">The client.</param>
    /// <param name="groupId">The group.</param>
    /// <param name="echo">Whether it gets the group and broadcast messages that its own client sent.</param>
    /// <param name="full">Whether it speaks the full profile, and so gets presence events and gaps.</param>
    /// <param name="loop">The loop that writes to it.</param>
    /// <param name="role">What it is in the group.</param>
    protected Connection(
        VisionId clientId, VisionId groupId, bool echo, bool full, DeliveryLoop loop, Role role = Role.None)
    {
        ClientId = clientId;
        GroupId = groupId;
        Echo = echo;
        Full = full;
        Loop = loop;
        Role = role;
    }

    /// <summary>The connection's own name, which no other has on any instance.</summary>
    public abstract string Id { get; }

    /// <summary>The client.</summary>
    public VisionId ClientId { get; }

    /// <summary>The group.</summary>
    public VisionId GroupId { get; }

    /// <summary>What it is in the group.</summary>
    public Role Role { get; }

    /// <summary>Whether it gets the group and broadcast messages that its own client sent.</summary>
    public bool Echo { get; }

    /// <summary>Whether it speaks the full profile.</summary>
    public bool Full { get; }

    /// <summary>The loop that writes to it.</summary>
    public DeliveryLoop Loop { get; }

    /// <summary>Where it stands in the receivers of each kind of channel; the loop's own.</summary>
    internal ReceiverSlots Slots;

    /// <summary>Those of its group's connections that its loop writes to, while it is one of them; the loop's own.</summary>
    internal Receivers? GroupReceivers;

    /// <summary>Whether it was written to since its last flush; the loop's own.</summary>
    internal bool Touched;

    /// <summary>Whether the other instances have heard that it takes the place of older ones; the loop's own.</summary>
    internal bool HasTakenOver;

    /// <summary>Whether another one has taken over before that was heard; the loop's own.</summary>
    internal bool IsPassed;

    /// <summary>Whether an operator looks at what it sends and is sent. Mostly nobody does.</summary>
    protected bool IsTraced => Volatile.Read(ref traces) is not null;

    /// <summary>Closes it; only the first reason counts.</summary>
    public abstract void Close(CloseReason why);

    /// <summary>
    /// Waits, with what is long and can wait, until there is room for it behind what was put before: its peer may read as
    /// slowly as it likes then. One call at a time.
    /// </summary>
    /// <param name="bytes">How long it is.</param>
    public virtual ValueTask WaitForRoomAsync(int bytes) => default;

    /// <summary>Writes a frame to the output, or keeps it until the output takes more.</summary>
    protected internal abstract void Write(Frame frame);

    /// <summary>Sends what was written.</summary>
    protected internal abstract void Flush();

    /// <summary>Lets an operator see what it does from now on.</summary>
    /// <returns>Whether that is new.</returns>
    internal bool Trace(TraceFeed feed)
    {
        while (true)
        {
            var before = Volatile.Read(ref traces);
            if (before is not null && Array.IndexOf(before, feed) >= 0)
                return false;
            TraceFeed[] after = [.. before ?? [], feed];
            if (Interlocked.CompareExchange(ref traces, after, before) == before)
                return true;
        }
    }

    /// <summary>Tells those who look. Whoever does not any longer is forgotten.</summary>
    protected internal void Tell(TraceEvent what)
    {
        var told = Volatile.Read(ref traces);
        foreach (var feed in told ?? [])
        {
            if (!feed.IsOver)
                feed.Tell(Id, what);
        }
        if (told is null || !Array.Exists(told, static feed => feed.IsOver))
            return;
        var left = Array.FindAll(told, static feed => !feed.IsOver);
        // If another one came meanwhile the next word forgets them.
        Interlocked.CompareExchange(ref traces, left is [] ? null : left, told);
    }

    /// <summary>Whether a frame of one of its channels is for this connection.</summary>
    internal bool Accepts(Frame frame) =>
        // Who sent it is looked at last: mostly it does not matter, and this runs once for each receiver.
        ((!frame.OnlyOthers && (Echo || !frame.OnlyGroup.IsEmpty)) || frame.FromId != ClientId)
        && (!frame.OnlySome || IsOneOf(frame));

    private bool IsOneOf(Frame frame) =>
        (Full || !frame.OnlyFull)
        && (frame.OnlyGroup.IsEmpty || frame.OnlyGroup == GroupId)
        && (frame.OnlyRole == Role.None || frame.OnlyRole == Role);
}

/// <summary>A connection's places in the receivers of its three channels.</summary>
[System.Runtime.CompilerServices.InlineArray(3)]
internal struct ReceiverSlots
{
    private int first;
}
