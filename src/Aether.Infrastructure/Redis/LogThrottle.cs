namespace Aether.Infrastructure.Redis;

/// <summary>
/// Lets one event a second through to the log and counts the others, so that a flood of bad messages is no flood of
/// log lines.
/// </summary>
internal sealed class LogThrottle(TimeProvider time)
{
    private long count;
    private long last = time.GetTimestamp() - (2 * time.TimestampFrequency);

    /// <summary>Counts one event.</summary>
    /// <param name="events">How many there were since the last one that was let through, this one included.</param>
    /// <returns>Whether to write this one to the log.</returns>
    public bool Passes(out long events)
    {
        Interlocked.Increment(ref count);
        long now = time.GetTimestamp(), before = Volatile.Read(ref last);
        if (now - before < time.TimestampFrequency || Interlocked.CompareExchange(ref last, now, before) != before)
        {
            events = 0;
            return false;
        }
        events = Interlocked.Exchange(ref count, 0);
        return true;
    }
}
