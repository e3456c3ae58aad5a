using System.Collections.Concurrent;
using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Domain;

namespace Aether.Application.Presence;

/// <summary>
/// Keeps what clients say of themselves and tells their groups. Of a client that says much, one word at a time is under
/// way, and the next one is the last that it said by then: the more members a group has, the longer it gathers, since
/// each word goes to all of them. The last one is always told.
/// </summary>
internal sealed class StateUpdates(IPresenceStore presence, IMessageBus bus, ServerMessages messages, TimeProvider time)
{
    // A group of 5,000 hears each of its members four times a second at most, and one of 100 two hundred times.
    private static readonly TimeSpan RestForEachMember = TimeSpan.FromMicroseconds(50);
    private static readonly TimeSpan ShortestRest = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan LongestRest = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<(VisionId Group, VisionId Client), Entry> entries = new();

    /// <summary>Replaces what a client says of itself.</summary>
    /// <param name="group">The group it is present in.</param>
    /// <param name="client">The client.</param>
    /// <param name="state">A JSON object in UTF-8 that nobody writes to any more.</param>
    /// <param name="answered">
    /// Whether it wants to know what became of this very word; else one that another one overtakes is done at once.
    /// </param>
    public Task<Outcome> SetAsync(VisionId group, VisionId client, ReadOnlyMemory<byte> state, bool answered)
    {
        while (true)
        {
            var entry = entries.GetOrAdd((group, client), static _ => new Entry());
            if (entry.Say(state, answered, out bool start) is not { } outcome)
                continue;
            if (start)
                _ = TellAsync(group, client, entry);
            return outcome;
        }
    }

    /// <summary>Completes when all is kept that a client has said of itself up to now.</summary>
    public Task KeptAsync(VisionId group, VisionId client) =>
        entries.TryGetValue((group, client), out var entry) ? entry.Pending : Task.CompletedTask;

    /// <summary>The client is gone: what it said is not what it says when it comes back.</summary>
    public void Forget(VisionId group, VisionId client)
    {
        if (entries.TryGetValue((group, client), out var entry))
            entry.Forget();
    }

    private async Task TellAsync(VisionId group, VisionId client, Entry entry)
    {
        while (entry.Next() is { } word)
        {
            var rest = TimeSpan.Zero;
            try
            {
                var change = await presence.UpdateStateAsync(group, client, word.State, CancellationToken.None)
                    .ConfigureAwait(false);
                rest = RestForEachMember * change.GroupSize;
                word.Answer(await TellAsync(group, change).ConfigureAwait(false));
            }
#pragma warning disable CA1031 // Whoever waits gets it, whatever it is.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                word.Fail(exception);
            }
            if (rest >= ShortestRest)
                await Task.Delay(rest < LongestRest ? rest : LongestRest, time).ConfigureAwait(false);
        }
        entries.TryRemove(new((group, client), entry));
    }

    private async ValueTask<Outcome> TellAsync(VisionId group, PresenceChange change)
    {
        if (change.Transition == PresenceTransition.Unavailable)
            return Outcome.Rejected(change.Fault.ToRejection());
        // Only the last connection's end makes a sender absent, and then nobody waits for this answer.
        if (change.Member is not { } member)
            return Outcome.Done;
        var told = await bus
            .PublishAsync(
                ChannelName.Group(group), messages.PresenceEvent(group, member, "update"), CancellationToken.None)
            .ConfigureAwait(false);
        return told.ToOutcome();
    }

    /// <summary>What one client said that is not told yet.</summary>
    private sealed class Entry
    {
        private readonly Lock gate = new();
        private Word? next;
        private Word? current;
        private bool started;
        private bool ended;

        /// <summary>The end of what was said last.</summary>
        public Task Pending
        {
            get
            {
                lock (gate)
                    return (next ?? current)?.Ended ?? Task.CompletedTask;
            }
        }

        public Task<Outcome>? Say(ReadOnlyMemory<byte> state, bool answered, out bool start)
        {
            lock (gate)
            {
                start = !started;
                if (ended)
                    return null;
                started = true;
                next = new Word(state, answered, next);
                return next.Outcome;
            }
        }

        public Word? Next()
        {
            lock (gate)
            {
                current = next;
                next = null;
                ended = current is null;
                return current;
            }
        }

        public void Forget()
        {
            lock (gate)
            {
                next?.Answer(Application.Outcome.Done);
                next = null;
            }
        }
    }

    /// <summary>The last that a client said, and who waits for it to be told.</summary>
    private sealed class Word
    {
        private readonly TaskCompletionSource<Outcome> end = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly List<TaskCompletionSource<Outcome>>? overtaken;

        public Word(ReadOnlyMemory<byte> state, bool answered, Word? before)
        {
            State = state;
            IsAnswered = answered;
            if (before is null)
                return;
            overtaken = before.overtaken;
            if (before.IsAnswered)
                (overtaken ??= []).Add(before.end);
            else
                before.end.TrySetResult(Application.Outcome.Done);
        }

        public ReadOnlyMemory<byte> State { get; }

        public Task<Outcome> Outcome => end.Task;

        public Task Ended => end.Task.ContinueWith(
            static _ => { },
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);

        private bool IsAnswered { get; }

        public void Answer(Outcome outcome)
        {
            end.TrySetResult(outcome);
            foreach (var one in overtaken ?? [])
                one.TrySetResult(outcome);
        }

        public void Fail(Exception exception)
        {
            end.TrySetException(exception);
            foreach (var one in overtaken ?? [])
                one.TrySetException(exception);
        }
    }
}
