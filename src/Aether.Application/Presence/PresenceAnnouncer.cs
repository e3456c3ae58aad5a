using System.Collections.Concurrent;
using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Domain;

namespace Aether.Application.Presence;

/// <summary>
/// Tells a group who came and who went. In a large group each event goes to so many that a thousand clients who connect
/// at once would cost a million frames; there the changes of a quarter of a second are one frame.
/// </summary>
internal sealed class PresenceAnnouncer(IMessageBus bus, ServerMessages messages, TimeProvider time) : IPresenceWatcher
{
    /// <summary>A group with more members than this has its changes told together.</summary>
    public const int LargeGroup = 500;

    /// <summary>How long changes of a large group are gathered.</summary>
    public static readonly TimeSpan Period = TimeSpan.FromMilliseconds(250);

    // One frame of this many stays below the size that every instance takes.
    private const int MaxPerFrame = 400;

    private readonly ConcurrentDictionary<VisionId, PresenceBatch> batches = new();

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
            var batch = batches.GetOrAdd(group, static _ => new PresenceBatch());
            if (!batch.TryAdd(member, came, change.Reason, out bool first))
                continue;
            if (first)
                batch.Timer = time.CreateTimer(_ => Tell(group, batch), null, Period, Timeout.InfiniteTimeSpan);
            return;
        }
        Publish(group, messages.PresenceEvent(group, member, came ? "join" : "leave", change.Reason));
    }

    /// <summary>
    /// The group heard of a client at some version, from whichever instance. What is gathered of it and is older is not
    /// told any more: it would undo what is newer.
    /// </summary>
    /// <param name="group">The group.</param>
    /// <param name="client">The client.</param>
    /// <param name="version">The version of what was heard.</param>
    /// <param name="stays">
    /// Whether it says nothing of coming or going, but only how the client is that is there.
    /// </param>
    internal void OnHeard(VisionId group, VisionId client, long version, bool stays)
    {
        if (batches.TryGetValue(group, out var batch))
            batch.Pass(client, version, stays);
    }

    /// <summary>Whether anything of the group waits to be told.</summary>
    internal bool IsGathering(VisionId group) => !batches.IsEmpty && batches.ContainsKey(group);

    private void Tell(VisionId group, PresenceBatch batch)
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

    // Whoever misses an event is told of the gap and asks for the roster. Nobody waits for it to be out: each carries a
    // version, and of those that one instance tells of a group the order of publishing is that of telling.
    private void Publish(VisionId group, Message message) =>
        _ = bus.PublishAsync(ChannelName.Group(group), message, CancellationToken.None).AsTask();
}
