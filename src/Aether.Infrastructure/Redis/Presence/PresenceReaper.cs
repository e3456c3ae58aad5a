using Aether.Application.Ports;
using Aether.Domain;
using Microsoft.Extensions.Logging;

namespace Aether.Infrastructure.Redis.Presence;

/// <summary>
/// Removes what dead incarnations left. Any number of instances may do it at once: the script that takes a member away
/// says so to one of them, which reports it.
/// </summary>
internal sealed class PresenceReaper(PresenceScripts scripts, IPresenceWatcher? watcher, ILogger logger)
{
    // A script stops Redis for as long as it runs: 256 members take it about a millisecond.
    private const int ClientsAtOnce = 256;
    private const int GroupsAtOnce = 64;

    /// <summary>Why a client went whose instance died.</summary>
    private const string Lost = "lost";

    /// <summary>Removes the incarnations whose lease is over, for an instance that holds one itself.</summary>
    public async Task ReapExpiredAsync(string asker, CancellationToken stopping)
    {
        foreach (string incarnation in await scripts.GetExpiredAsync(asker).ConfigureAwait(false))
        {
            var groups = await scripts.GetGroupsAsync(incarnation).ConfigureAwait(false);
            int went = await EmptyAsync(incarnation, groups, null, stopping).ConfigureAwait(false);
            await scripts.ForgetAsync(incarnation).ConfigureAwait(false);
            logger.Reaped(incarnation, went, groups.Count);
        }
    }

    /// <summary>
    /// Takes from an own incarnation all that it holds. Its lease stays, so that what is still on its way for it is
    /// removed as well, when the lease ends.
    /// </summary>
    public async Task EmptyAsync(PresenceLease lease, CancellationToken stopping)
    {
        await EmptyAsync(lease.Id, [.. lease.Groups.Keys], lease, stopping).ConfigureAwait(false);
        lease.Emptied = true;
    }

    /// <summary>Tells the watcher of a change.</summary>
    public void Report(VisionId group, PresenceChange change)
    {
        try
        {
            watcher?.OnChanged(group, change);
        }
#pragma warning disable CA1031 // A watcher that throws must not end the loop that keeps this instance's members alive.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            logger.WatcherFailed(exception.GetType().Name);
        }
    }

    /// <summary>Completes when the watcher has told what it can.</summary>
    public async Task FlushAsync()
    {
        try
        {
            if (watcher is not null)
                await watcher.FlushAsync().ConfigureAwait(false);
        }
#pragma warning disable CA1031 // As above: the end goes on.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            logger.WatcherFailed(exception.GetType().Name);
        }
    }

    private async Task<int> EmptyAsync(
        string incarnation, IReadOnlyList<VisionId> groups, PresenceLease? own, CancellationToken stopping)
    {
        int went = 0;
        foreach (var some in groups.Chunk(GroupsAtOnce))
        {
            stopping.ThrowIfCancellationRequested();
            int[] counts = await Task.WhenAll(some.Select(group => EmptyAsync(incarnation, group, own)))
                .ConfigureAwait(false);
            went += counts.Sum();
        }
        return went;
    }

    private async Task<int> EmptyAsync(string incarnation, VisionId group, PresenceLease? own)
    {
        int count = 0;
        var held = await scripts.GetHeldAsync(group, incarnation).ConfigureAwait(false);
        foreach (var clients in held.Chunk(ClientsAtOnce))
        {
            var (size, left) = await scripts.ReapAsync(group, incarnation, clients).ConfigureAwait(false);
            foreach (var member in left)
            {
                count++;
                if (own is null || !own.Unannounced.ContainsKey((group, member.ClientId)))
                    Report(group, new PresenceChange(PresenceTransition.Went, member, size, own is null ? Lost : null));
            }
        }
        return count;
    }
}
