using Aether.Domain;

namespace Aether.Application.Delivery;

/// <summary>
/// The connections of one delivery loop that hear one channel. Only the loop touches it. A connection knows its slot,
/// so that leaving a channel of 50,000 costs no more than leaving one of two.
/// </summary>
internal sealed class Receivers(ChannelKind kind)
{
    private Connection[] connections = [];
    private int count;
    private long periodBegan = long.MinValue / 2;
    private int arrivals;
    private int arrivalsBefore;

    /// <summary>What the channel is for.</summary>
    public ChannelKind Kind => kind;

    /// <summary>When its connections were last flushed after a frame of it, as a timestamp of the clock.</summary>
    public long FlushedAt { get; set; } = long.MinValue / 2;

    /// <summary>Frames that are held to be written together; <see langword="null"/>: none.</summary>
    public List<Frame>? Held { get; set; }

    public ReadOnlySpan<Connection> All => connections.AsSpan(0, count);

    /// <summary>Counts that frames of the channel have come, however many at once.</summary>
    /// <param name="now">The time, as a timestamp of the clock.</param>
    /// <param name="period">Over how long it is counted, in the same unit.</param>
    /// <returns>How often they came in this period or in the one before it, whichever had more.</returns>
    public int CountArrival(long now, long period)
    {
        long since = now - periodBegan;
        if (since >= period)
        {
            arrivalsBefore = since < 2 * period ? arrivals : 0;
            arrivals = 0;
            periodBegan = now;
        }
        arrivals++;
        return Math.Max(arrivals, arrivalsBefore);
    }

    /// <summary>Counts the same in the period that runs already.</summary>
    public void CountArrival() => arrivals++;

    public void Add(Connection connection)
    {
        // The channel of one client mostly has one connection: the first array has room for just that.
        if (count == connections.Length)
            Array.Resize(ref connections, Math.Max(1, count * 2));
        connections[count] = connection;
        connection.Slots[(int)kind] = count++;
        if (kind == ChannelKind.Group)
            connection.GroupReceivers = this;
    }

    public void Remove(Connection connection)
    {
        int slot = connection.Slots[(int)kind];
        var last = connections[--count];
        connections[slot] = last;
        last.Slots[(int)kind] = slot;
        connections[count] = null!;
        if (count > 16 && count < connections.Length / 4)
            Array.Resize(ref connections, connections.Length / 2);
    }
}
