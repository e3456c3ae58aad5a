namespace Aether.Api.WebSockets;

/// <summary>
/// A connection's rate limit: as many messages at once as the bucket holds, and so many a second after that. Sixteen
/// bytes a connection, where the framework's limiter is an object with a queue and a lock for each.
/// </summary>
internal struct TokenBucket
{
    private double tokens;
    private long filledAt;

    /// <summary>A full bucket.</summary>
    public TokenBucket(int burst, long nowMs)
    {
        tokens = burst;
        filledAt = nowMs;
    }

    /// <summary>Takes a token, if there is one.</summary>
    public bool TryTake(int perSecond, int burst, long nowMs)
    {
        tokens = Math.Min(burst, tokens + ((nowMs - filledAt) * perSecond / 1000.0));
        filledAt = nowMs;
        if (tokens < 1)
            return false;
        tokens--;
        return true;
    }

    /// <summary>How long until there is a token again, in ms.</summary>
    public readonly long MsToNext(int perSecond) => (long)Math.Ceiling((1 - tokens) * 1000.0 / perSecond);
}
