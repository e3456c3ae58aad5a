using Aether.Domain;

namespace Aether.Application.Delivery;

/// <summary>
/// Holds the frames of hot groups for a moment, so that each of their connections is flushed once for several frames.
/// A group is hot while it gets frames almost every moment; then those are held that come less than a moment after its
/// last flush. A quiet group is never delayed, nor is a quick answer in one, nor a group of few, where there is little
/// to save. It belongs to one delivery loop, which alone calls it; only the timer's callback
/// and <see cref="MakeDue"/> come from elsewhere.
/// </summary>
internal sealed class Coalescing
{
    /// <summary>
    /// How many receivers of a channel make a flush of all of them dear enough to wait for, by default.
    /// </summary>
    public const int ManyReceivers = 32;

    /// <summary>How many frames of a channel are held at most: more of them in one write save no more.</summary>
    private const int MaxHeld = 64;

    /// <summary>Over how many moments it is counted how often frames of a channel come, and what makes it hot.</summary>
    private const int Period = 10;
    private const int Hot = 8;

    private readonly TimeSpan window;
    private readonly int many;
    private readonly long windowTicks;
    private readonly TimeProvider time;
    private readonly List<Receivers> held = [];
    private readonly List<(Connection Connection, Frame Frame)> behind = [];
    private readonly ITimer? timer;
    private bool due;
    private long heldSince;
    private bool holdsBroadcast;

    /// <summary>Creates what holds frames for a loop.</summary>
    /// <param name="window">How long a frame is held at most; zero: never.</param>
    /// <param name="many">How many receivers a channel has at least whose frames are held.</param>
    /// <param name="time">The clock.</param>
    /// <param name="wake">Schedules the loop when what is held has to be written.</param>
    public Coalescing(TimeSpan window, int many, TimeProvider time, Action wake)
    {
        this.window = window;
        this.many = many;
        this.time = time;
        windowTicks = (long)(window.TotalSeconds * time.TimestampFrequency);
        if (window == TimeSpan.Zero)
            return;
        timer = time.CreateTimer(_ =>
        {
            Volatile.Write(ref due, true);
            wake();
        }, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>The channels of which frames are held, in the order in which holding them began.</summary>
    public IReadOnlyList<Receivers> Held => held;

    /// <summary>Frames for one connection each that come after what is held.</summary>
    public IReadOnlyList<(Connection Connection, Frame Frame)> Behind => behind;

    /// <summary>Whether the moment is over.</summary>
    public bool IsDue => Volatile.Read(ref due);

    /// <summary>Says once that the moment is over.</summary>
    public bool TakeDue()
    {
        if (!IsDue)
            return false;
        Volatile.Write(ref due, false);
        return true;
    }

    /// <summary>Takes frames of a channel to be written later, if the channel is hot.</summary>
    public bool TryHold(Receivers receivers, List<Frame> frames)
    {
        if (timer is null || receivers.Kind == ChannelKind.Client)
            return false;
        if (receivers.Held is null)
        {
            if (receivers.All.Length < many)
                return false;
            long now = time.GetTimestamp();
            // A burst counts once: its sender may go on only when it has arrived, and would wait for the timer too.
            bool isHot = receivers.CountArrival(now, Period * windowTicks) >= Hot;
            if (!isHot || now - receivers.FlushedAt >= windowTicks)
                return false;
            receivers.Held = [];
            held.Add(receivers);
            holdsBroadcast |= receivers.Kind == ChannelKind.Broadcast;
            if (held.Count == 1)
            {
                Volatile.Write(ref heldSince, now);
                timer.Change(window, Timeout.InfiniteTimeSpan);
            }
        }
        else
        {
            receivers.CountArrival();
        }
        receivers.Held.AddRange(frames);
        if (receivers.Held.Count >= MaxHeld)
            due = true;
        return true;
    }

    /// <summary>
    /// Takes a frame for one connection behind the frames of its group, if there are some: an ack that overtakes the
    /// message that it is for would puzzle whoever reads along.
    /// </summary>
    public bool TryHoldBehind(Connection connection, Frame frame)
    {
        if (held.Count == 0 || (connection.GroupReceivers?.Held is null && !holdsBroadcast))
            return false;
        behind.Add((connection, frame));
        return true;
    }

    /// <summary>Makes the moment over, if something has been held that much longer. From any thread.</summary>
    /// <returns>Whether it is over by this.</returns>
    public bool MakeDue(TimeSpan late)
    {
        long since = Volatile.Read(ref heldSince);
        if (since == 0 || IsDue || time.GetElapsedTime(since) < window + late)
            return false;
        Volatile.Write(ref due, true);
        return true;
    }

    /// <summary>Forgets what was held; it has been written.</summary>
    public void Clear()
    {
        if (held.Count > 0)
            Volatile.Write(ref heldSince, 0);
        behind.Clear();
        holdsBroadcast = false;
        foreach (var receivers in held)
            receivers.Held = null;
        held.Clear();
    }

    /// <summary>Takes note that the connections of these channels have just been flushed.</summary>
    public void NoteFlush(List<Receivers> flushed)
    {
        if (timer is null || flushed.Count == 0)
            return;
        long now = time.GetTimestamp();
        foreach (var receivers in flushed)
            receivers.FlushedAt = now;
    }
}
