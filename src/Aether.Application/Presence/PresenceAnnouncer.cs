using System.Collections.Concurrent;
using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Domain;

namespace Aether.Application.Presence;

/// <summary>
/// Tells a group who came and who went. In a large group each event goes to so many that a thousand clients who connect
/// at once would cost a million frames; there the changes of a quarter of a second are one frame.
/// </summary>
public sealed class PresenceAnnouncer(IMessageBus bus, ServerMessages messages, TimeProvider time) : IPresenceWatcher
{
    /// <summary>A group with more members than this has its changes told together.</summary>
    public const int LargeGroup = 500;

    /// <summary>How long changes of a large group are gathered.</summary>
    public static readonly TimeSpan Period = TimeSpan.FromMilliseconds(250);

    // One frame of this many stays below the size that every instance takes.
    private const int MaxPerFrame = 400;

    private readonly ConcurrentDictionary<VisionId, Batch> batches = new();

    /// <inheritdoc/>
    public void OnChanged(VisionId group, PresenceChange change)
    {
        if (change.Transition is not (PresenceTransition.Came or PresenceTransition.Went)
            || change.Member is not { } member)
            return;
        bool came = change.Transition == PresenceTransition.Came;
        // What is gathered already has to be told before anything newer, also when the group is small by now.
        while (change.GroupSize > LargeGroup || batches.ContainsKey(group))
        {
            var batch = batches.GetOrAdd(group, static _ => new Batch());
            if (!batch.TryAdd(member, came, change.Reason, out bool first))
                continue;
            if (first)
                batch.Timer = time.CreateTimer(_ => Tell(group, batch), null, Period, Timeout.InfiniteTimeSpan);
            return;
        }
        Publish(group, messages.PresenceEvent(group, member, came ? "join" : "leave", change.Reason));
    }

    private void Tell(VisionId group, Batch batch)
    {
        var (joined, left) = batch.Close();
        batch.Timer?.Dispose();
        // All who left before anyone who joined, over all frames: who left and came back is there in the end.
        var changes = left.Select(static gone => (gone.Member, Gone: true, gone.Reason))
            .Concat(joined.Select(static member => (Member: member, Gone: false, Reason: (string?)null)));
        foreach (var some in changes.Chunk(MaxPerFrame))
        {
            Publish(group, messages.PresenceChanges(
                group,
                some.Where(static one => !one.Gone).Select(static one => one.Member),
                some.Where(static one => one.Gone).Select(static one => (one.Member, one.Reason))));
        }
        // Only now: whoever found the batch closed waits for this, so that its change is told after these.
        batches.TryRemove(new(group, batch));
    }

    // Whoever misses an event is told of the gap and asks for the roster. Nobody waits for it to be out: events of one
    // group are published in the order in which they are told, and that is what matters.
    private void Publish(VisionId group, Message message) =>
        _ = bus.PublishAsync(ChannelName.Group(group), message, CancellationToken.None).AsTask();

    /// <summary>
    /// The changes of one group that are not told yet. To be read as: first all left, then all joined.
    /// </summary>
    private sealed class Batch
    {
        private readonly Dictionary<VisionId, Member> joined = [];
        private readonly Dictionary<VisionId, (Member Member, string? Reason)> left = [];
        private readonly Lock gate = new();
        private bool begun;
        private bool closed;

        public ITimer? Timer { get; set; }

        public bool TryAdd(Member member, bool came, string? reason, out bool first)
        {
            lock (gate)
            {
                first = !begun;
                if (closed)
                    return false;
                begun = true;
                if (came)
                    joined[member.ClientId] = member;
                // Who came and went within one batch was never told as there.
                else if (!joined.Remove(member.ClientId))
                    left[member.ClientId] = (member, reason);
                return true;
            }
        }

        public (IReadOnlyCollection<Member> Joined, IReadOnlyCollection<(Member Member, string? Reason)> Left) Close()
        {
            lock (gate)
            {
                closed = true;
                return (joined.Values, left.Values);
            }
        }
    }
}
