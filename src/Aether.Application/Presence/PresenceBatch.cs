using Aether.Domain;

namespace Aether.Application.Presence;

/// <summary>
/// The changes of one group that are not told yet, to be read as: first all left, then all joined. Of each client it
/// keeps how the changes began and how they ended, by their versions and not by the order in which they came.
/// </summary>
internal sealed class PresenceBatch
{
    private readonly Dictionary<VisionId, PresenceWords> clients = [];
    private readonly Lock gate = new();
    private bool begun;
    private bool closed;

    /// <summary>Tells the batch when its time has come.</summary>
    public ITimer? Timer { get; set; }

    /// <summary>Takes words, unless the batch is closed.</summary>
    /// <param name="words">What is to be told of one client.</param>
    /// <param name="again">Whether they are older than what is here, and may have been told.</param>
    /// <param name="first">Whether the batch begins with them.</param>
    public bool TryAdd(PresenceWords words, bool again, out bool first)
    {
        lock (gate)
        {
            first = !begun;
            if (closed)
                return false;
            begun = true;
            var client = words.ClientId;
            if (!clients.TryGetValue(client, out var there))
                clients.Add(client, words);
            else if (again)
                clients[client] = words.Then(there);
            else
                there.Then(words);
            return true;
        }
    }

    /// <summary>Forgets of a client what is older than what its group heard by now.</summary>
    public void Pass(VisionId client, long version, Role? stays)
    {
        lock (gate)
        {
            if (!closed && clients.TryGetValue(client, out var words) && words.IsPassed(version, stays))
                clients.Remove(client);
        }
    }

    /// <summary>Ends the batch, and gives what it gathered; <see langword="null"/> if somebody else has ended it.</summary>
    public IReadOnlyCollection<PresenceWords>? Close()
    {
        lock (gate)
        {
            if (closed)
                return null;
            closed = true;
            return clients.Values;
        }
    }
}

/// <summary>What is to be told of one client: how its changes began, and how they ended.</summary>
/// <param name="member">The client as it is, or as it was before it went.</param>
/// <param name="came">Whether it came.</param>
/// <param name="reason">Why it went, if there is more to say.</param>
/// <param name="at">The timestamp of the change.</param>
internal sealed class PresenceWords(Member member, bool came, string? reason, long at)
{
    private PresenceWord first = new(member, came, reason);
    private PresenceWord last = new(member, came, reason);

    /// <summary>The client.</summary>
    public VisionId ClientId => last.Member.ClientId;

    /// <summary>The timestamp of the newest of the changes.</summary>
    public long At { get; private set; } = at;

    /// <summary>Whether a part of it may have been told: its publishing was begun, and was not confirmed.</summary>
    public bool MayBeTold { get; set; }

    /// <summary>Takes what came later.</summary>
    public PresenceWords Then(PresenceWords later)
    {
        Take(later.first);
        Take(later.last);
        At = Math.Max(At, later.At);
        MayBeTold |= later.MayBeTold;
        return this;
    }

    /// <returns>Whether there is nothing left to tell.</returns>
    public bool IsPassed(long version, Role? stays)
    {
        // These very words were told, though nobody confirmed it.
        if (MayBeTold && stays is null && last.Member.Version == version)
            return true;
        if (last.Member.Version >= version)
        {
            // Somebody told something in between: how it was before does not matter any more.
            if (first.Member.Version < version && last.Came)
                first = last;
            return false;
        }
        if (stays is not { } role || !last.Came)
            return true;
        // It is there, and newer than it was when it came.
        last = new(last.Member with { Version = version, Role = role }, true, null);
        return false;
    }

    /// <summary>What to say of its leaving and of its coming; nothing of who came and went before it was told.</summary>
    public (PresenceWord? Left, PresenceWord? Joined) Tell()
    {
        PresenceWord? left = !first.Came && last.Came ? first : !last.Came && (!first.Came || MayBeTold) ? last : null;
        return (left, last.Came ? last : null);
    }

    private void Take(PresenceWord word)
    {
        if (word.Member.Version < first.Member.Version)
            first = word;
        // Without versions the order in which they come is all there is.
        if (word.Member.Version >= last.Member.Version)
            last = word;
    }
}

/// <summary>A client came or went.</summary>
/// <param name="Member">The client.</param>
/// <param name="Came">Whether it came.</param>
/// <param name="Reason">Why it went, if there is more to say.</param>
internal sealed record PresenceWord(Member Member, bool Came, string? Reason);
