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

    /// <summary>Whether more was taken than was there.</summary>
    public readonly bool IsOwing => tokens < 0;

    /// <summary>Puts in what came since the last time.</summary>
    public void Fill(int perSecond, int burst, long nowMs)
    {
        tokens = Math.Min(burst, tokens + ((nowMs - filledAt) * perSecond / 1000.0));
        filledAt = nowMs;
    }

    /// <summary>Takes a token, if there is one.</summary>
    public bool TryTake(int perSecond, int burst, long nowMs)
    {
        Fill(perSecond, burst, nowMs);
        if (tokens < 1)
            return false;
        tokens--;
        return true;
    }

    /// <summary>
    /// Takes tokens for what turned out to cost more, whether they are there or not; a full bucket's worth is the most
    /// that can be missing.
    /// </summary>
    public void Owe(int count, int burst) => tokens = Math.Max(-burst, tokens - count);

    /// <summary>How long until there is a token again, in ms.</summary>
    public readonly long MsToNext(int perSecond) => (long)Math.Ceiling((1 - tokens) * 1000.0 / perSecond);
}
