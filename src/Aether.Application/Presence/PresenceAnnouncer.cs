using System.Collections.Concurrent;
using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Domain;

namespace Aether.Application.Presence;

/// <summary>
/// Tells a group who came and who went. In a large group each event goes to so many that a thousand clients who connect
/// at once would cost a million frames; there the changes of a quarter of a second are one frame. What the bus does not
/// take is gathered as well, and told again.
/// </summary>
internal sealed class PresenceAnnouncer(
    IMessageBus bus, ServerMessages messages, TimeProvider time, RealtimeOptions? options = null) : IPresenceWatcher
{
    /// <summary>A group with more members than this has its changes told together.</summary>
    public const int LargeGroup = 500;

    /// <summary>How long changes of a large group are gathered.</summary>
    public static readonly TimeSpan Period = TimeSpan.FromMilliseconds(250);

    // One frame of this many stays below the size that every instance takes.
    private const int MaxPerFrame = 400;

    private readonly ConcurrentDictionary<VisionId, PresenceBatch> batches = new();
    private readonly ConcurrentDictionary<Task, bool> underWay = new();

    // A bus that is away for longer has its clients told of the gap, and they ask for the roster.
    private readonly TimeSpan patience = (options ?? new RealtimeOptions()).Presence.Lease;
    private volatile bool ending;

    /// <inheritdoc/>
    public void OnChanged(VisionId group, PresenceChange change)
    {
        if (change.Member is not { } member)
            return;
        if (change is { Transition: PresenceTransition.None, RoleChanged: true })
            TellRole(group, member);
        // Of its clients nobody is told: mostly it is the same role.
        if (change.RoleUnsaid)
            Begin(PublishAsync(ChannelName.Client(member.ClientId), messages.AskRole(member.ClientId, group)));
        if (change.Transition is not (PresenceTransition.Came or PresenceTransition.Went))
            return;
        bool came = change.Transition == PresenceTransition.Came;
        var words = new PresenceWords(member, came, change.Reason, time.GetTimestamp());
        // What is gathered already has to be told before anything newer, also when the group is small by now.
        if (change.GroupSize > LargeGroup || batches.ContainsKey(group))
            Gather(group, words, again: false);
        else
            Begin(TellAsync(group, words, messages.PresenceEvent(group, member, came ? "join" : "leave", change.Reason)));
    }

    /// <inheritdoc/>
    public async Task FlushAsync()
    {
        // What comes from now on is told without a pause: nobody would be here to tell it later.
        ending = true;
        while (!batches.IsEmpty || !underWay.IsEmpty)
        {
            foreach (var (group, batch) in batches)
                Begin(TellAsync(group, batch));
            await Task.WhenAll(underWay.Keys).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// The group heard of a client at some version, from whichever instance. What is gathered of it and is older is not
    /// told any more: it would undo what is newer.
    /// </summary>
    /// <param name="group">The group.</param>
    /// <param name="client">The client.</param>
    /// <param name="version">The version of what was heard.</param>
    /// <param name="stays">
    /// The role that the client has, if it says nothing of coming or going, but only how the client is that is there.
    /// </param>
    internal void OnHeard(VisionId group, VisionId client, long version, Role? stays)
    {
        if (batches.TryGetValue(group, out var batch))
            batch.Pass(client, version, stays);
    }

    /// <summary>Whether anything of the group waits to be told.</summary>
    internal bool IsGathering(VisionId group) => !batches.IsEmpty && batches.ContainsKey(group);

    // As when a client says something of itself: of one that is not told yet, the coming tells it.
    private void TellRole(VisionId group, Member member)
    {
        OnHeard(group, member.ClientId, member.Version, member.Role);
        Begin(PublishAsync(ChannelName.Group(group), messages.PresenceEvent(group, member, "update")));
    }

    private void Gather(VisionId group, PresenceWords words, bool again)
    {
        while (true)
        {
            var batch = batches.GetOrAdd(group, static _ => new PresenceBatch());
            if (!batch.TryAdd(words, again, out bool first))
                continue;
            if (ending)
                Begin(TellAsync(group, batch));
            else if (first)
                batch.Timer = time.CreateTimer(_ => Begin(TellAsync(group, batch)), null, Period, Timeout.InfiniteTimeSpan);
            return;
        }
    }

    private async Task TellAsync(VisionId group, PresenceWords words, Message message)
    {
        if (!await PublishAsync(ChannelName.Group(group), message).ConfigureAwait(false))
            Keep(group, words);
    }

    private async Task TellAsync(VisionId group, PresenceBatch batch)
    {
        if (batch.Close() is not { } all)
            return;
        // All who left before anyone who joined, over all frames: who left and came back is there in the end.
        List<(PresenceWords Words, PresenceWord Word)> left = [], joined = [];
        foreach (var words in all)
        {
            var (gone, there) = words.Tell();
            if (gone is not null)
                left.Add((words, gone));
            if (there is not null)
                joined.Add((words, there));
        }
        batch.Timer?.Dispose();
        // All are begun before any is waited for: that is what keeps the order.
        var frames = left.Concat(joined).Chunk(MaxPerFrame).Select(some => (Some: some, Told: PublishAsync(
            ChannelName.Group(group),
            messages.PresenceChanges(
                group,
                some.Where(static one => one.Word.Came).Select(static one => one.Word.Member),
                some.Where(static one => !one.Word.Came).Select(static one => (one.Word.Member, one.Word.Reason))))))
            .ToList();
        // Only now: whoever found the batch closed waits for this, so that its change is told after these.
        batches.TryRemove(new(group, batch));
        var untold = new HashSet<PresenceWords>();
        foreach (var (some, told) in frames)
        {
            if (!await told.ConfigureAwait(false))
                untold.UnionWith(some.Select(static one => one.Words));
        }
        foreach (var words in untold)
            Keep(group, words);
    }

    // It may have been told all the same, if only the answer was lost: then it is told twice, with the same version.
    private void Keep(VisionId group, PresenceWords words)
    {
        if (ending || time.GetElapsedTime(words.At) >= patience)
            return;
        words.MayBeTold = true;
        Gather(group, words, again: true);
    }

    // Each carries a version, and of those that one instance tells of a group the order of publishing is that of telling.
    private async Task<bool> PublishAsync(ChannelName channel, Message message)
    {
        try
        {
            var told = await bus.PublishAsync(channel, message, CancellationToken.None).ConfigureAwait(false);
            return told.Accepted;
        }
#pragma warning disable CA1031 // Whatever it was, it is not told.
        catch (Exception)
#pragma warning restore CA1031
        {
            return false;
        }
    }

    // Nobody waits for it, but for who flushes.
    private void Begin(Task telling)
    {
        if (telling.IsCompleted || !underWay.TryAdd(telling, true))
            return;
        _ = telling.ContinueWith(
            static (done, all) => ((ConcurrentDictionary<Task, bool>)all!).TryRemove(done, out _),
            underWay,
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
    }
}
