using Aether.Domain;

namespace Aether.Application.Delivery;

/// <summary>Does something with the connections of one loop.</summary>
internal delegate void ConnectionsAction(ReadOnlySpan<Connection> connections);

/// <summary>The connections, by loop, that one channel is heard for.</summary>
internal sealed class ChannelReceivers
{
    // Its own lock: it keeps the order in which frames go to the loops. There are tens of thousands of these.
    private readonly Receivers?[] byLoop;
    private readonly int[] countByLoop;

    public ChannelReceivers(ChannelName name, int loops)
    {
        Name = name;
        byLoop = new Receivers?[loops];
        countByLoop = new int[loops];
    }

    public ChannelName Name { get; }

    /// <summary>The receivers of one loop; only for that loop.</summary>
    public Receivers Of(DeliveryLoop loop) => byLoop[loop.Index] ??= new Receivers(Name.Kind);

    /// <summary>
    /// Takes note that one connection more (1) or less (-1) of a loop hears the channel; guarded by whoever has this. A
    /// loop without any is not bothered with the channel's frames.
    /// </summary>
    public void Count(DeliveryLoop loop, int change) =>
        Volatile.Write(ref countByLoop[loop.Index], countByLoop[loop.Index] + change);

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

    private bool HasReceivers(DeliveryLoop loop) => Volatile.Read(ref countByLoop[loop.Index]) > 0;
}
