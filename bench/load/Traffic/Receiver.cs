namespace Aether.Load.Traffic;

/// <summary>How a delivery compares to what its receiver should get.</summary>
internal enum Verdict
{
    /// <summary>The next one of its sender.</summary>
    Next,

    /// <summary>One that was skipped before has come after all, out of order.</summary>
    Late,

    /// <summary>It was here before.</summary>
    Duplicate,

    /// <summary>It is not for this receiver.</summary>
    Misdirected,
}

/// <summary>
/// Checks every delivery to one connection: each sender's messages, all of them, in order, once, and nobody else's.
/// </summary>
/// <param name="firstSender">The first of the senders that it hears.</param>
/// <param name="senders">How many it hears.</param>
internal sealed class Receiver(int firstSender, int senders)
{
    private readonly uint[] next = new uint[senders];
    private readonly bool[] probed = new bool[senders];
    private HashSet<(int, uint)>? skipped;

    /// <summary>The senders that it hears.</summary>
    public (int First, int Count) Senders => (firstSender, next.Length);

    /// <summary>Messages that should have come before one that has come, and have not.</summary>
    public int Skipped => skipped?.Count ?? 0;

    /// <summary>Whether it has heard each of its senders.</summary>
    public bool IsProbed => probed.AsSpan().IndexOf(false) < 0;

    /// <summary>Notes that a probe came; false if it is not for this receiver.</summary>
    public bool TakeProbe(int sender)
    {
        int index = sender - firstSender;
        if ((uint)index >= (uint)next.Length)
            return false;
        probed[index] = true;
        return true;
    }

    /// <summary>Judges a delivery.</summary>
    public Verdict Take(in Stamp stamp)
    {
        int index = stamp.Sender - firstSender;
        if ((uint)index >= (uint)next.Length)
            return Verdict.Misdirected;
        if (stamp.Sequence == next[index])
        {
            next[index]++;
            return Verdict.Next;
        }
        if (stamp.Sequence < next[index])
            return skipped?.Remove((index, stamp.Sequence)) == true ? Verdict.Late : Verdict.Duplicate;
        skipped ??= [];
        for (uint missing = next[index]; missing < stamp.Sequence; missing++)
            skipped.Add((index, missing));
        next[index] = stamp.Sequence + 1;
        return Verdict.Next;
    }

    /// <summary>Messages that never came, of those that its senders sent.</summary>
    /// <param name="sent">Messages sent, by sender.</param>
    public long Lost(IReadOnlyList<Sender> sent)
    {
        long lost = Skipped;
        for (int i = 0; i < next.Length; i++)
            lost += sent[firstSender + i].Sent - next[i];
        return lost;
    }
}
