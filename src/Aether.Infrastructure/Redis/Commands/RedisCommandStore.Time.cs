using Aether.Application.Ports;
using Aether.Domain;

namespace Aether.Infrastructure.Redis.Commands;

/// <content>What time does.</content>
internal sealed partial class RedisCommandStore
{
    private const int GroupsAtOnce = 16;

    /// <summary>When to go on where nothing that is due could be read: not at once, so that it can never be for ever.</summary>
    private const long UnreadableMs = 100;

    public async ValueTask<IReadOnlyList<CommandChange>?> PassTimeAsync(int limit, CancellationToken cancellationToken)
    {
        // Nobody was refused anything: that Redis is away, or not there yet at the start, is told by its connection.
        if (!CanAsk)
            return null;
        return await AskAsync(async () =>
        {
            var changes = new List<CommandChange>();
            while (changes.Count < limit && !cancellationToken.IsCancellationRequested)
            {
                // No more groups than can be looked at: what is left of them waits until the claim is over.
                var claims = await scripts.ClaimAsync(Math.Min(GroupsAtOnce, limit - changes.Count)).ConfigureAwait(false);
                if (claims.Length == 0)
                    break;
                await LookAsync(claims, changes, limit).ConfigureAwait(false);
            }
            return changes;
        }).ConfigureAwait(false);
    }

    private async Task LookAsync(GroupClaim[] claims, List<CommandChange> changes, int limit)
    {
        var looked = new List<(GroupClaim Claim, long NextMs)>();
        foreach (var claim in claims)
        {
            // Anybody may write into the list as well: what is no group is forgotten.
            if (!VisionId.TryParse((string?)claim.Group, out var group))
            {
                looked.Add((claim with { WasEmpty = true }, -1));
                continue;
            }
            try
            {
                looked.Add((claim, await PassAsync(group, changes, limit).ConfigureAwait(false)));
            }
            catch (Exception e) when (RedisFaults.IsExpected(e))
            {
                // Its turn comes again when the claim is over. Others may be elsewhere on a cluster, and what was done
                // has effects that have to be brought about.
                Failed(e);
            }
        }
        try
        {
            if (looked.Count > 0)
                await scripts.ScheduleAsync(looked).ConfigureAwait(false);
        }
        catch (Exception e) when (RedisFaults.IsExpected(e))
        {
            Failed(e);
        }
    }

    /// <summary>Does what is due in a group.</summary>
    /// <returns>In how many ms something is due next; -1: nothing runs.</returns>
    private async Task<long> PassAsync(VisionId group, List<CommandChange> changes, int limit)
    {
        while (changes.Count < limit)
        {
            var (steps, nextMs) = await scripts.PassAsync(group, limit - changes.Count).ConfigureAwait(false);
            changes.AddRange(await ChangesAsync(group, steps).ConfigureAwait(false));
            if (steps.Length == 0)
                return nextMs == 0 ? UnreadableMs : nextMs;
            if (nextMs != 0)
                return nextMs;
        }
        return 0;
    }
}
