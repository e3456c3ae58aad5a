using Aether.Domain;

namespace Aether.Application.Delivery;

/// <summary>
/// One open connection, as the fan-out sees it. <see cref="Write"/> and <see cref="Flush"/> are called by its delivery
/// loop alone, so they need no lock; they must not wait, and they must not throw.
/// </summary>
public abstract class Connection
{
    /// <summary>Creates a connection of a client in a group.</summary>
    /// <param name="clientId">The client.</param>
    /// <param name="groupId">The group.</param>
    /// <param name="echo">Whether it gets the group and broadcast messages that its own client sent.</param>
    /// <param name="full">Whether it speaks the full profile, and so gets presence events and gaps.</param>
    /// <param name="loop">The loop that writes to it.</param>
    protected Connection(VisionId clientId, VisionId groupId, bool echo, bool full, DeliveryLoop loop)
    {
        ClientId = clientId;
        GroupId = groupId;
        Echo = echo;
        Full = full;
        Loop = loop;
    }

    /// <summary>The connection's own name, which no other has on any instance.</summary>
    public abstract string Id { get; }

    /// <summary>The client.</summary>
    public VisionId ClientId { get; }

    /// <summary>The group.</summary>
    public VisionId GroupId { get; }

    /// <summary>Whether it gets the group and broadcast messages that its own client sent.</summary>
    public bool Echo { get; }

    /// <summary>Whether it speaks the full profile.</summary>
    public bool Full { get; }

    /// <summary>The loop that writes to it.</summary>
    public DeliveryLoop Loop { get; }

    /// <summary>Where it stands in the receivers of each kind of channel; the loop's own.</summary>
    internal Seats Seats;

    /// <summary>Those of its group's connections that its loop writes to, while it is one of them; the loop's own.</summary>
    internal Receivers? GroupReceivers;

    /// <summary>Whether it was written to since its last flush; the loop's own.</summary>
    internal bool Touched;

    /// <summary>Whether the other instances have heard that it takes the place of older ones; the loop's own.</summary>
    internal bool Seated;

    /// <summary>Closes it; only the first reason counts.</summary>
    public abstract void Close(CloseReason why);

    /// <summary>Writes a frame to the output, or keeps it until the output takes more.</summary>
    protected internal abstract void Write(Frame frame);

    /// <summary>Sends what was written.</summary>
    protected internal abstract void Flush();

    /// <summary>Whether a frame of one of its channels is for this connection.</summary>
    internal bool Wants(Frame frame) =>
        // Who sent it is looked at last: mostly it does not matter, and this runs once for each receiver.
        ((!frame.OnlyOthers && (Echo || !frame.OnlyGroup.IsEmpty)) || frame.FromId != ClientId)
        && (Full || !frame.OnlyFull)
        && (frame.OnlyGroup.IsEmpty || frame.OnlyGroup == GroupId);
}

/// <summary>A connection's places in the receivers of its three channels.</summary>
[System.Runtime.CompilerServices.InlineArray(3)]
internal struct Seats
{
    private int first;
}
