namespace Aether.Application.Tracing;

/// <summary>How much of a trace is told within one second.</summary>
internal struct TraceBudget(int events, int bytes)
{
    private long second;
    private int eventsLeft;
    private int bytesLeft;

    /// <summary>Takes what one event needs, if there is that much left.</summary>
    /// <param name="now">The second that it is.</param>
    /// <param name="size">Its bytes.</param>
    public bool TryTake(long now, int size)
    {
        if (now != second)
        {
            second = now;
            eventsLeft = events;
            bytesLeft = bytes;
        }
        if (eventsLeft == 0 || bytesLeft < size)
            return false;
        eventsLeft--;
        bytesLeft -= size;
        return true;
    }
}
