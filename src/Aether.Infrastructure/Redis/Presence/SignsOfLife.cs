namespace Aether.Infrastructure.Redis.Presence;

/// <summary>When a client of this instance gave a sign of life, and when one was last written. Times are timestamps.</summary>
internal sealed class SignsOfLife
{
    private long writtenAt;
    private long givenAt;
    private int waits;

    /// <summary>Redis has a sign of that time, as it has of a join.</summary>
    public void WrittenAt(long now) => Volatile.Write(ref writtenAt, now);

    /// <summary>The client gave one.</summary>
    /// <returns>Whether the caller is the one to put it in line for being written.</returns>
    public bool Note(long now)
    {
        Volatile.Write(ref givenAt, now);
        return Interlocked.Exchange(ref waits, 1) == 0;
    }

    /// <summary>Takes the last one out of the line, unless one was written shortly before: then it stays.</summary>
    public bool TryTake(long now, long every, out long at)
    {
        at = 0;
        if (now - Volatile.Read(ref writtenAt) < every)
            return false;
        WrittenAt(now);
        Forget();
        // After that: a sign that comes from here on is in line again.
        at = Interlocked.Read(ref givenAt);
        return true;
    }

    /// <summary>None is in line any longer.</summary>
    public void Forget() => Interlocked.Exchange(ref waits, 0);
}
