using System.Collections.Concurrent;
using Aether.Application.Ports;
using Aether.Domain;

namespace Aether.Application.Presence;

/// <summary>
/// Reads each group once for all who ask at a time. Whoever asks gets a read that began after it asked, so it sees all
/// that was done before, its own doing included; while a read is under way, everybody who comes waits for the next one.
/// A group that took long to read is left alone for some time in between: a client that asks a hundred times a second
/// costs the store a few reads.
/// </summary>
internal sealed class SharedPresenceReads(IPresenceStore inner, TimeProvider time) : IPresenceStore, IDisposable
{
    // How many groups are read at once: what a store is asked has a bound, however many groups there are.
    private const int GroupsAtOnce = 4;

    // A read takes a fifth of the time at most; one that costs next to nothing is not waited for. What thousands of
    // members leave for the collector costs others more than the read itself, so the rest is long enough to be felt.
    private const int RestFactor = 4;
    private static readonly TimeSpan LongestRest = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan ShortestRest = TimeSpan.FromMilliseconds(5);

    private readonly ConcurrentDictionary<VisionId, Reads> groups = new();
    private readonly SemaphoreSlim room = new(GroupsAtOnce);

    public bool IsReady => inner.IsReady;

    public Task<PresenceChange> JoinAsync(
        VisionId group, VisionId client, Role role, CancellationToken cancellationToken) =>
        inner.JoinAsync(group, client, role, cancellationToken);

    public Task<PresenceChange> LeaveAsync(
        VisionId group, VisionId client, Role role, CancellationToken cancellationToken) =>
        inner.LeaveAsync(group, client, role, cancellationToken);

    public Task<PresenceChange> UpdateStateAsync(
        VisionId group, VisionId client, ReadOnlyMemory<byte> state, CancellationToken cancellationToken) =>
        inner.UpdateStateAsync(group, client, state, cancellationToken);

    public void Touch(VisionId group, VisionId client) => inner.Touch(group, client);

    public void ToldGone(VisionId group, VisionId client, long version) => inner.ToldGone(group, client, version);

    public void ToldRoleUnsaid(VisionId group, VisionId client) => inner.ToldRoleUnsaid(group, client);

    public ValueTask<ClientPlaces> FindAsync(
        VisionId group, VisionId client, CancellationToken cancellationToken) =>
        inner.FindAsync(group, client, cancellationToken);

    public Task<IReadOnlyList<Member>?> GetMembersAsync(VisionId group, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return Task.FromCanceled<IReadOnlyList<Member>?>(cancellationToken);
        while (true)
        {
            var reads = groups.GetOrAdd(group, static _ => new Reads());
            if (reads.Wait(out bool start) is not { } answer)
                continue;
            if (start)
                _ = ReadAsync(group, reads);
            return answer.WaitAsync(cancellationToken);
        }
    }

    public void Dispose() => room.Dispose();

    private async Task ReadAsync(VisionId group, Reads reads)
    {
        while (reads.Next() is { } waiting)
        {
            long started = time.GetTimestamp();
            await ReadAsync(group, waiting).ConfigureAwait(false);
            var rest = time.GetElapsedTime(started) * RestFactor;
            if (rest >= ShortestRest)
                await Task.Delay(rest < LongestRest ? rest : LongestRest, time).ConfigureAwait(false);
        }
        groups.TryRemove(new(group, reads));
    }

    private async Task ReadAsync(VisionId group, TaskCompletionSource<IReadOnlyList<Member>?> waiting)
    {
        await room.WaitAsync().ConfigureAwait(false);
        try
        {
            // Nobody's token: others wait for the same.
            var members = await inner.GetMembersAsync(group, CancellationToken.None).ConfigureAwait(false);
            waiting.SetResult(
                members is null ? null : await MembersSnapshot.OfAsync(members).ConfigureAwait(false));
        }
#pragma warning disable CA1031 // Whoever waits gets it, whatever it is.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            waiting.SetException(exception);
        }
        finally
        {
            room.Release();
        }
    }

    /// <summary>The reads of one group: who waits for the next one.</summary>
    private sealed class Reads
    {
        private readonly Lock gate = new();
        private TaskCompletionSource<IReadOnlyList<Member>?>? next;
        private bool started;
        private bool ended;

        /// <summary>The answer of a read that begins later; none if this object is done with.</summary>
        public Task<IReadOnlyList<Member>?>? Wait(out bool start)
        {
            lock (gate)
            {
                start = !started && !ended;
                if (ended)
                    return null;
                started = true;
                next ??= new(TaskCreationOptions.RunContinuationsAsynchronously);
                return next.Task;
            }
        }

        /// <summary>Those who wait for a read that begins now; none: then this object is done with.</summary>
        public TaskCompletionSource<IReadOnlyList<Member>?>? Next()
        {
            lock (gate)
            {
                var waiting = next;
                next = null;
                ended = waiting is null;
                return waiting;
            }
        }
    }
}
