using Microsoft.Extensions.Logging;

namespace Aether.Application.Delivery;

/// <summary>
/// Gives the shared thread pool more threads when its host has blocked those that it has. By itself the pool adds one or
/// two a second; until it gets to them, the lease of presence is not renewed and what Redis answers is not read. It is
/// asked from a thread of its own, by one empty item ten times a second; and not at all while it is seen to run, since an item
/// from outside wakes a second thread of a pool that is busy, and the two then share what one did for less.
/// </summary>
internal sealed class PoolRelief(IWorkerPool pool, ILogger logger) : IThreadPoolWorkItem
{
    /// <summary>How many threads more than there are the pool is given with each look.</summary>
    internal const int ThreadsAtOnce = 64;

    /// <summary>How many threads it is given at most.</summary>
    internal const int MaxThreads = 1_024;

    /// <summary>After how many looks an item that was not run says that the pool is blocked: a fifth of a second.</summary>
    internal const int Patience = 4;

    /// <summary>For how many looks the threads stay after the last time that they were missing: half a minute.</summary>
    internal const int Aftercare = 600;

    /// <summary>
    /// After how many looks a pool that takes no other number is told of: 5 s. A machine that is busy for a moment, as
    /// with the start of a process, is no news; who could help has been helped by then.
    /// </summary>
    internal const int PatienceOfNoHelp = 100;

    private const int LooksBetweenProbes = 2;

    private int pending;
    private int waited;
    private int calm;
    private bool relieving;
    private bool told;
    private int original;
    private int given;

    void IThreadPoolWorkItem.Execute() => Volatile.Write(ref pending, 0);

    /// <summary>Looks after the pool; called every 50 ms, by one thread.</summary>
    /// <param name="poolRuns">Whether the pool has run since the last look what was in line like such an item.</param>
    public void Look(bool poolRuns = false)
    {
        waited++;
        if (Volatile.Read(ref pending) != 0)
        {
            if (waited >= Patience)
                Relieve();
            return;
        }
        if (relieving && ++calm >= Aftercare)
            TakeBack();
        if (poolRuns)
            waited = 0;
        if (waited < LooksBetweenProbes)
            return;
        waited = 0;
        Volatile.Write(ref pending, 1);
        pool.Queue(this);
    }

    /// <summary>Nobody looks after the pool any more: it gets back what it had.</summary>
    public void End()
    {
        if (relieving)
            TakeBack();
    }

    private void Relieve()
    {
        (relieving, calm) = (true, 0);
        int before = pool.MinThreads;
        int enough = Math.Min(pool.Threads + ThreadsAtOnce, MaxThreads);
        if (enough > before)
        {
            pool.MinThreads = enough;
            Note(before, pool.MinThreads);
        }
        // Once, until it has been calm for long: what blocks the pool now and then is told now and then.
        if (told || (given == 0 && waited < PatienceOfNoHelp))
            return;
        told = true;
        if (given != 0)
            logger.PoolRelieved(given);
        else
            logger.PoolCannotBeRelieved(before);
    }

    private void Note(int before, int now)
    {
        if (now <= before)
            return;
        if (given == 0)
            original = before;
        given = now;
    }

    private void TakeBack()
    {
        // Whoever has set another number meanwhile meant it.
        if (given != 0 && pool.MinThreads == given)
            pool.MinThreads = original;
        (relieving, told, given, calm) = (false, false, 0, 0);
    }
}
