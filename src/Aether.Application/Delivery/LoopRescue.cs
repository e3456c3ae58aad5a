using Microsoft.Extensions.Logging;

namespace Aether.Application.Delivery;

/// <summary>What may be in line for the thread pool, and can be run by any thread.</summary>
internal interface IRescuable
{
    /// <summary>
    /// How often it has begun to run, if it is in line to run; 0 if it is not. The same number twice: nobody has run it
    /// in between.
    /// </summary>
    uint WaitsSince { get; }

    /// <summary>Whether the pool has run it since this was last asked.</summary>
    bool TakeRunByPool();

    /// <summary>Runs it, if it is in line for that and nobody has begun.</summary>
    void RunIfQueued();

    /// <summary>Puts it in line, if a timer should have done that so long ago.</summary>
    void ReleaseOverdue(TimeSpan late);
}

/// <summary>
/// Runs delivery loops that the thread pool does not get to. As long as the pool has threads it is the cheapest place
/// for them; but a host may block all of them, and receivers would hear nothing until it lets go. A thread looks twenty
/// times a second, has run what has waited since its last look, and lets the pool have more threads. Delivering costs
/// nothing more for it.
/// </summary>
internal sealed class LoopRescue(int loops)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private readonly uint[] before = new uint[loops];

    /// <summary>
    /// Watches loops, and the pool, until they are disposed of, or nobody has them any more. A process may have one host
    /// after the other.
    /// </summary>
    /// <returns>The thread that does.</returns>
    public static Thread Watch(DeliveryLoops loops, ILogger logger)
    {
        var weak = new WeakReference<DeliveryLoops>(loops);
        var rescue = new LoopRescue(loops.All.Length);
        var relief = new PoolRelief(new SharedPool(), logger);
        var watcher = new Thread(() => Run(weak, rescue, relief)) { IsBackground = true, Name = "Aether loop rescue" };
        watcher.Start();
        return watcher;
    }

    /// <summary>Has run what was in line at the last look, and has not been run since.</summary>
    /// <returns>Whether the pool has run one of them since the last look.</returns>
    public bool Look(IReadOnlyList<IRescuable> all)
    {
        bool poolRuns = false;
        for (int i = 0; i < before.Length; i++)
        {
            var loop = all[i];
            poolRuns |= loop.TakeRunByPool();
            loop.ReleaseOverdue(Pause);
            uint waits = loop.WaitsSince;
            if (waits != 0 && waits == before[i])
                // On a thread of its own: it runs for as long as there is something for it, and other loops wait, too.
                new Thread(loop.RunIfQueued) { IsBackground = true, Name = "Aether rescued loop" }.Start();
            before[i] = waits;
        }
        return poolRuns;
    }

    private static void Run(WeakReference<DeliveryLoops> weak, LoopRescue rescue, PoolRelief relief)
    {
        bool poolRuns = false;
        do
        {
            Thread.Sleep(Pause);
            relief.Look(poolRuns);
        }
        while (TryLook(weak, rescue, out poolRuns));
        relief.End();
    }

    // A method of its own, so that nothing holds the loops while the thread sleeps.
    private static bool TryLook(WeakReference<DeliveryLoops> weak, LoopRescue rescue, out bool poolRuns)
    {
        poolRuns = false;
        if (!weak.TryGetTarget(out var loops) || loops.IsOver)
            return false;
        poolRuns = rescue.Look(loops.All);
        return true;
    }
}
