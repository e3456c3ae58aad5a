using Aether.Domain;

namespace Aether.Application.Presence;

/// <summary>
/// The changes of one group that are not told yet, to be read as: first all left, then all joined. Of each client it
/// keeps how the changes began and how they ended, by their versions and not by the order in which they came.
/// </summary>
internal sealed class PresenceBatch
{
    private readonly Dictionary<VisionId, Words> clients = [];
    private readonly Lock gate = new();
    private bool begun;
    private bool closed;

    /// <summary>Tells the batch when its time has come.</summary>
    public ITimer? Timer { get; set; }

    /// <summary>Takes a change, unless the batch is closed.</summary>
    public bool TryAdd(Member member, bool came, string? reason, out bool first)
    {
        lock (gate)
        {
            first = !begun;
            if (closed)
                return false;
            begun = true;
            if (!clients.TryGetValue(member.ClientId, out var words))
                clients.Add(member.ClientId, words = new Words());
            words.Take(member, came, reason);
            return true;
        }
    }

    /// <summary>Forgets of a client what is older than what its group heard by now.</summary>
    public void Pass(VisionId client, long version, bool stays)
    {
        lock (gate)
        {
            if (!closed && clients.TryGetValue(client, out var words) && words.IsPassed(version, stays))
                clients.Remove(client);
        }
    }

    /// <summary>Ends the batch, and gives what it gathered.</summary>
    public (List<Member> Joined, List<(Member Member, string? Reason)> Left) Close()
    {
        lock (gate)
        {
            closed = true;
            var joined = new List<Member>();
            var left = new List<(Member Member, string? Reason)>();
            foreach (var words in clients.Values)
                words.Tell(joined, left);
            return (joined, left);
        }
    }

    /// <summary>What is to be told of one client.</summary>
    private sealed class Words
    {
        private (Member Member, bool Came, string? Reason)? first;
        private (Member Member, bool Came, string? Reason) last;

        public void Take(Member member, bool came, string? reason)
        {
            var word = (member, came, reason);
            if (first is not { } began)
            {
                first = last = word;
                return;
            }
            if (member.Version < began.Member.Version)
                first = word;
            // Without versions the order in which they come is all there is.
            if (member.Version >= last.Member.Version)
                last = word;
        }

        /// <returns>Whether there is nothing left to tell.</returns>
        public bool IsPassed(long version, bool stays)
        {
            if (last.Member.Version >= version)
            {
                // Somebody told something in between: how it was before does not matter any more.
                if (first is { } began && began.Member.Version < version && last.Came)
                    first = last;
                return false;
            }
            if (!stays || !last.Came)
                return true;
            // It is there, and newer than it was when it came.
            last = (last.Member with { Version = version }, true, null);
            return false;
        }

        public void Tell(List<Member> joined, List<(Member Member, string? Reason)> left)
        {
            var began = first!.Value;
            // Who came and went within one batch was never told as there.
            if (!began.Came)
            {
                var gone = last.Came ? began : last;
                left.Add((gone.Member, gone.Reason));
            }
            if (last.Came)
                joined.Add(last.Member);
        }
    }
}
