using Aether.Application.Leases;
using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Domain;
using Aether.Infrastructure.Redis.Connections;
using Aether.Infrastructure.Redis.Health;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Aether.Infrastructure.Redis.Leases;

/// <summary>
/// Leases in Redis: one hash for each group, which is never forgotten, since its terms must not come again, and one script
/// for each step. The hash lies in the slot of the group's channel, so the step also tells the group.
/// </summary>
internal sealed class RedisLeaseStore(
    RedisConnection connection,
    RedisHealth health,
    LeaseScripts scripts,
    TimeProvider time,
    ILogger<RedisLeaseStore> logger) : ILeaseStore
{
    private readonly ServerMessages messages = new(time);
    private readonly LogThrottle failureLog = new(time);

    public ValueTask<LeaseResult> AcquireAsync(
        VisionId group, VisionId name, VisionId client, TimeSpan ttl, CancellationToken cancellationToken)
    {
        long ttlMs = (long)ttl.TotalMilliseconds;
        return TryAsync(async () =>
        {
            await scripts.WatchAsync(group, name, ttlMs).ConfigureAwait(false);
            var told = new LeaseInfo(name, client, 0, time.GetUtcNow().UtcDateTime + ttl);
            var taken = await scripts.StepAsync("acquire", group, name, client, 0, ttlMs, Write(group, told))
                .ConfigureAwait(false);
            // In between somebody may have looked, found the end of the lease before this one, and forgotten it. Nobody waits
            // for it: it was said before, and the lease is held in any case.
            if (taken.HasNewHolder)
                RedisFaults.Observe(scripts.WatchAsync(group, name, ttlMs));
            return taken;
        });
    }

    public ValueTask<LeaseResult> RenewAsync(
        VisionId group, LeaseClaim claim, VisionId client, CancellationToken cancellationToken) =>
        TryAsync(() => scripts.StepAsync("renew", group, claim.Name, client, claim.Term, 0, default));

    public ValueTask<LeaseResult> ReleaseAsync(
        VisionId group, LeaseClaim claim, VisionId client, CancellationToken cancellationToken) =>
        TryAsync(() =>
            scripts.StepAsync("release", group, claim.Name, client, claim.Term, 0, WriteFree(group, claim.Name)));

    public ValueTask<LeaseResult> TakeAwayAsync(VisionId group, VisionId name, CancellationToken cancellationToken) =>
        TryAsync(() => scripts.StepAsync("take", group, name, default, 0, 0, WriteFree(group, name)));

    public ValueTask<LeaseResult> GetAsync(VisionId group, VisionId name, CancellationToken cancellationToken) =>
        TryAsync(() => scripts.StepAsync("get", group, name, default, 0, 0, default));

    public async ValueTask<LeaseEnds> EndAsync(int limit, CancellationToken cancellationToken)
    {
        // It is asked for all the time, and its failures are told where somebody waits for a lease.
        if (!CanAsk)
            return default;
        try
        {
            var due = await scripts.TakeDueAsync(limit).ConfigureAwait(false);
            bool[] ended = await Task.WhenAll(due.Members.Select(member => EndAsync(member, due.Given)))
                .ConfigureAwait(false);
            return new LeaseEnds(ended.Count(static one => one), due.Members.Length < limit ? due.Next : TimeSpan.Zero);
        }
        catch (Exception e) when (RedisFaults.IsExpected(e))
        {
            // Whatever was not looked at is given out again.
            Failed(e);
            return default;
        }
    }

    private bool CanAsk => health.CanPublish && connection.Sharded is not null;

    private async Task<bool> EndAsync(string member, string given)
    {
        // Anybody may write into the set as well: what names no lease is not held by anybody.
        LeaseResult found = default;
        if (LeaseScripts.TryReadMember(member, out var group, out var name))
        {
            found = await scripts.StepAsync("end", group, name, default, 0, 0, WriteFree(group, name))
                .ConfigureAwait(false);
        }
        await scripts.ScheduleAsync(member, given, found.TimeLeft).ConfigureAwait(false);
        return found.HasNewHolder;
    }

    private ReadOnlyMemory<byte> WriteFree(VisionId group, VisionId name) => Write(group, LeaseInfo.Free(name, 0));

    private byte[] Write(VisionId group, LeaseInfo lease) => MessageWriter.Write(messages.LeaseEvent(group, lease));

    private async ValueTask<LeaseResult> TryAsync(Func<Task<LeaseResult>> step)
    {
        // Asked first: what was never sent was surely not done.
        if (!CanAsk)
        {
            Log("not connected");
            return new LeaseResult(LeaseStatus.Unavailable, null, Fault: BackplaneFault.Unreachable);
        }
        try
        {
            return await step().ConfigureAwait(false);
        }
        catch (Exception e) when (RedisFaults.IsExpected(e))
        {
            return Failed(e);
        }
    }

    private LeaseResult Failed(Exception exception)
    {
        Log(RedisFaults.Describe(exception));
        // Redis has answered that it does not: or nobody knows how far it came.
        var status = exception is RedisServerException ? LeaseStatus.Unavailable : LeaseStatus.Unknown;
        return new LeaseResult(status, null, Fault: RedisFaults.FaultOf(exception));
    }

    private void Log(string error)
    {
        if (failureLog.Passes(out long count))
            logger.LeaseFailed(error, count);
    }
}

/// <summary>What the store of leases writes to the log.</summary>
internal static partial class RedisLeaseLog
{
    [LoggerMessage(140, LogLevel.Warning, "Redis could not be asked about a lease ({Error}, {Count} since the last report)",
        EventName = "RedisLeaseFailed")]
    public static partial void LeaseFailed(this ILogger logger, string error, long count);
}
