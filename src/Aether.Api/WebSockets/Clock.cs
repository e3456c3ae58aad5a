namespace Aether.Api.WebSockets;

/// <summary>Milliseconds that only go forward; never 0, so that 0 can mean "not".</summary>
internal sealed class Clock(TimeProvider time)
{
    /// <summary>How far <see cref="AwakeMs"/> goes without a tick.</summary>
    private const long MaxBetweenTicks = 3_000;

    private readonly long start = time.GetTimestamp();
    private long lost;

    // As if with the beginning: a pool that is blocked from the very start may get to the first tick late.
    private long ticked = 1;

    /// <summary>Now.</summary>
    public long NowMs => 1 + (long)time.GetElapsedTime(start).TotalMilliseconds;

    /// <summary>
    /// Now, for judging connections by how long they have been silent: without the time in which this instance got to
    /// nothing, because its host blocked the thread pool or the machine stood still. What peers sent meanwhile lies
    /// unread in the sockets.
    /// </summary>
    public long AwakeMs
    {
        get
        {
            long last = Volatile.Read(ref ticked);
            return Math.Min(NowMs - Volatile.Read(ref lost), last + MaxBetweenTicks);
        }
    }

    /// <summary>Says once a second, from the pool that the connections are read on, that the instance gets on.</summary>
    public void Tick()
    {
        long awake = AwakeMs;
        // In this order: whoever reads the new tick must know what was lost before it.
        Volatile.Write(ref lost, NowMs - awake);
        Volatile.Write(ref ticked, awake);
    }
}
