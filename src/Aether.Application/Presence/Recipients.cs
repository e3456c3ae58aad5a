using System.Collections.Concurrent;
using Aether.Application.Ports;
using Aether.Domain;

namespace Aether.Application.Presence;

/// <summary>
/// Says whether the recipient of a direct message is in the message's group. That its channel is heard does not: it is
/// the client's in all its groups, and who may talk to one group must not learn who is in another. The store is asked
/// beside the publishing, not before it, and whether or not the channel is heard: the time of an answer tells nothing
/// either.
/// </summary>
/// <remarks>
/// That a client is there is kept for a moment, where this instance hears the group: who talks to one client all the
/// time then asks four times a second, not with each message. A presence event of the client ends it, and so does another
/// number of instances that hear its channel. That a client is not there is never kept.
/// </remarks>
internal sealed class Recipients(IPresenceStore presence, TimeProvider time)
{
    /// <summary>How long it is kept that a client is there.</summary>
    public static readonly TimeSpan KeptFor = TimeSpan.FromMilliseconds(250);

    private const int SweepEvery = 1_024;

    private readonly ConcurrentDictionary<VisionId, ConcurrentDictionary<VisionId, Lookup>> kept = new();
    private long told;
    private int added;

    /// <summary>Begins to look where a client is in a group. Never waits.</summary>
    /// <param name="group">The group.</param>
    /// <param name="client">The client.</param>
    /// <param name="heard">Whether this instance hears the group, and so what is told of the client.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    internal Lookup Begin(VisionId group, VisionId client, bool heard, CancellationToken cancellationToken)
    {
        if (heard && kept.TryGetValue(group, out var clients) && clients.TryGetValue(client, out var known)
            && known.IsGood(time))
            return known;
        // Before the store is asked: what is told from here on may be newer than its answer.
        long before = Interlocked.Read(ref told);
        var lookup = new Lookup(
            group, client, heard, presence.FindAsync(group, client, cancellationToken), time.GetTimestamp());
        if (heard && !lookup.Answer.IsCompleted)
            Keep(lookup, before);
        return lookup;
    }

    /// <summary>
    /// Says where the recipient of a message is, before it is published. Completes at once where it is known.
    /// </summary>
    internal ValueTask<ClientPlaces> FindAsync(
        VisionId group, VisionId client, bool heard, CancellationToken cancellationToken)
    {
        var lookup = Begin(group, client, heard, cancellationToken);
        return lookup.Answer.IsCompletedSuccessfully && !lookup.IsForgotten
            ? new(Checked(lookup, lookup.Answer.Result))
            : new(WaitAsync(lookup, cancellationToken));
    }

    private async Task<ClientPlaces> WaitAsync(Lookup lookup, CancellationToken cancellationToken)
    {
        var places = await lookup.Answer.ConfigureAwait(false);
        if (lookup.IsForgotten)
        {
            // The group was told of the client while the question was on its way.
            lookup = Begin(lookup.Group, lookup.Client, lookup.Heard, cancellationToken);
            places = await lookup.Answer.ConfigureAwait(false);
        }
        return Checked(lookup, places);
    }

    private ClientPlaces Checked(Lookup lookup, ClientPlaces places)
    {
        if (places.Known != PlacesKnown.Known || places.Instances == 0)
            Forget(lookup);
        return places;
    }

    /// <summary>Says where the recipient of a message was, that was published after <see cref="Begin"/>.</summary>
    /// <param name="lookup">What was begun.</param>
    /// <param name="instances">How many instances heard the client's channel.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    internal async ValueTask<ClientPlaces> EndAsync(Lookup lookup, int instances, CancellationToken cancellationToken)
    {
        if (!lookup.IsOf(instances) || lookup.IsForgotten)
        {
            // The client came to an instance or left one since then, in this group or in another; or the group was told
            // of it while the message was on its way.
            Forget(lookup);
            lookup = Begin(lookup.Group, lookup.Client, lookup.Heard, cancellationToken);
            lookup.IsOf(instances);
        }
        return Checked(lookup, await lookup.Answer.ConfigureAwait(false));
    }

    /// <summary>The group was told of a client.</summary>
    internal void Forget(VisionId group, VisionId client)
    {
        Interlocked.Increment(ref told);
        if (kept.TryGetValue(group, out var clients) && clients.TryRemove(client, out var lookup))
            lookup.IsForgotten = true;
    }

    /// <summary>The group was told of many clients.</summary>
    internal void Forget(VisionId group)
    {
        Interlocked.Increment(ref told);
        if (!kept.TryRemove(group, out var clients))
            return;
        foreach (var lookup in clients.Values)
            lookup.IsForgotten = true;
    }

    private void Forget(Lookup lookup)
    {
        if (kept.TryGetValue(lookup.Group, out var clients))
            clients.TryRemove(new(lookup.Client, lookup));
    }

    private void Keep(Lookup lookup, long before)
    {
        kept.GetOrAdd(lookup.Group, static _ => new())[lookup.Client] = lookup;
        if (Interlocked.Read(ref told) != before)
            Forget(lookup);
        if (Interlocked.Increment(ref added) % SweepEvery == 0)
            Sweep();
    }

    // Nobody is told that an instance hears a group no more.
    private void Sweep()
    {
        foreach (var (group, clients) in kept)
        {
            foreach (var (client, lookup) in clients)
            {
                if (!lookup.IsGood(time))
                    clients.TryRemove(new(client, lookup));
            }
            // What somebody adds to it at this moment is only asked once more.
            if (clients.IsEmpty)
                kept.TryRemove(new(group, clients));
        }
    }

    /// <summary>One question to the store, and who else may use its answer.</summary>
    internal sealed class Lookup(
        VisionId group, VisionId client, bool heard, ValueTask<ClientPlaces> answer, long askedAt)
    {
        private const int Unset = -1;

        private int instances = Unset;
        private volatile bool forgotten;

        public VisionId Group => group;

        public VisionId Client => client;

        public bool Heard => heard;

        public Task<ClientPlaces> Answer { get; } = answer.AsTask();

        /// <summary>Whether the group was told of the client since the question was asked.</summary>
        public bool IsForgotten
        {
            get => forgotten;
            set => forgotten = value;
        }

        public bool IsGood(TimeProvider time) => time.GetElapsedTime(askedAt) < KeptFor;

        /// <summary>Whether as many instances hear the client's channel as when the question was asked.</summary>
        public bool IsOf(int count)
        {
            int first = Interlocked.CompareExchange(ref instances, count, Unset);
            return first == Unset || first == count;
        }
    }
}
