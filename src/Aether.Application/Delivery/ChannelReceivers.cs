using Aether.Application.History;
using Aether.Domain;

namespace Aether.Application.Delivery;

/// <summary>Does something with the connections of one loop.</summary>
internal delegate void ConnectionsAction(ReadOnlySpan<Connection> connections);

/// <summary>One channel that this instance hears, and the connections, by loop, that it hears it for.</summary>
internal sealed class ChannelReceivers
{
    // Its own lock: it keeps the order in which frames go to the loops. There are tens of thousands of these.
    private readonly Receivers?[] byLoop;
    private readonly int[] wantedByLoop;

    public ChannelReceivers(ChannelName name, int loops)
    {
        Name = name;
        byLoop = new Receivers?[loops];
        wantedByLoop = new int[loops];
    }

    public ChannelName Name { get; }

    /// <summary>How far this instance has come in what is kept of the channel, where something is.</summary>
    public ChannelPlace? Place { get; set; }

    /// <summary>How many connections want it. Guarded by this object's lock, as are the next two.</summary>
    public int Wanted { get; private set; }

    /// <summary>Whether the bus is subscribed.</summary>
    public bool Subscribed { get; set; }

    /// <summary>The work of bringing the subscription in line with what is wanted, while it goes on.</summary>
    public Task<bool>? Settling { get; set; }

    /// <summary>Whether it was taken out of the hub; whoever still holds it has to look for a new one.</summary>
    public bool Retired { get; set; }

    /// <summary>The receivers of one loop; only for that loop.</summary>
    public Receivers Of(DeliveryLoop loop) => byLoop[loop.Index] ??= new Receivers(Name.Kind);

    /// <summary>
    /// Takes note that a connection of a loop wants the channel (1) or wants it no longer (-1), under this object's
    /// lock. A loop with none is not bothered with the channel's frames.
    /// </summary>
    public void Want(DeliveryLoop loop, int change)
    {
        Wanted += change;
        Volatile.Write(ref wantedByLoop[loop.Index], wantedByLoop[loop.Index] + change);
    }

    /// <summary>
    /// Hands a frame to every loop that has receivers, in one step: two frames of the channel never reach two loops in
    /// different orders.
    /// </summary>
    public bool TryPut(DeliveryLoops loops, Frame frame)
    {
        bool all = true;
        lock (byLoop)
        {
            foreach (var loop in loops.All)
            {
                if (HasReceivers(loop))
                    all &= loop.TryPut(this, frame);
            }
        }
        return all;
    }

    /// <summary>Runs something on the connections of every loop, in one step for all of them.</summary>
    public void Run(DeliveryLoops loops, ConnectionsAction action)
    {
        lock (byLoop)
        {
            foreach (var loop in loops.All)
                loop.Run(() => action(Of(loop).All));
        }
    }

    /// <summary>As <see cref="TryPut"/>, but completes when every loop had room.</summary>
    public ValueTask PutAsync(DeliveryLoops loops, Frame frame)
    {
        lock (byLoop)
        {
            if (loops.All.Length == 1)
                return loops.All[0].PutAsync(this, frame);
            var puts = new List<Task>(loops.All.Length);
            foreach (var loop in loops.All)
            {
                if (!HasReceivers(loop))
                    continue;
                var put = loop.PutAsync(this, frame);
                if (!put.IsCompletedSuccessfully)
                    puts.Add(put.AsTask());
            }
            return puts.Count == 0 ? default : new ValueTask(Task.WhenAll(puts));
        }
    }

    private bool HasReceivers(DeliveryLoop loop) => Volatile.Read(ref wantedByLoop[loop.Index]) > 0;
}
