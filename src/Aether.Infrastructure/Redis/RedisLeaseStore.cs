using Aether.Application.Ports;
using Aether.Domain;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Aether.Infrastructure.Redis;

/// <summary>
/// Leases in Redis: one hash for each group, which is never forgotten, since its terms must not come again, and one script
/// for each step. The hash lies in the slot of the group's channel.
/// </summary>
internal sealed class RedisLeaseStore(
    RedisConnection connection,
    RedisHealth health,
    RedisNames names,
    TimeProvider time,
    ILogger<RedisLeaseStore> logger) : ILeaseStore
{
    private static readonly string Script = PresenceScripts.Load("lease-step.lua");

    private readonly LogThrottle failureLog = new(time);

    public ValueTask<LeaseResult> AcquireAsync(
        VisionId group, VisionId name, VisionId client, TimeSpan ttl, CancellationToken cancellationToken) =>
        StepAsync("acquire", group, name, client, 0, (long)ttl.TotalMilliseconds);

    public ValueTask<LeaseResult> RenewAsync(
        VisionId group, LeaseClaim claim, VisionId client, CancellationToken cancellationToken) =>
        StepAsync("renew", group, claim.Name, client, claim.Term);

    public ValueTask<LeaseResult> ReleaseAsync(
        VisionId group, LeaseClaim claim, VisionId client, CancellationToken cancellationToken) =>
        StepAsync("release", group, claim.Name, client, claim.Term);

    public ValueTask<LeaseResult> TakeAwayAsync(VisionId group, VisionId name, CancellationToken cancellationToken) =>
        StepAsync("take", group, name);

    public ValueTask<LeaseResult> GetAsync(VisionId group, VisionId name, CancellationToken cancellationToken) =>
        StepAsync("get", group, name);

    private async ValueTask<LeaseResult> StepAsync(
        string step, VisionId group, VisionId name, VisionId client = default, long term = 0, long ttl = 0)
    {
        // Asked first: what was never sent was surely not done.
        if (!health.CanPublish)
            return Failed("not connected", LeaseStatus.Unavailable, BackplaneFault.Unreachable);
        try
        {
            var result = (RedisResult[])(await connection.Commands.ScriptEvaluateAsync(
                Script,
                [names.LeasesOf(group)],
                [step, name.Value, client.Value, term, ttl],
                RedisConnection.Primary).ConfigureAwait(false))!;
            return Read(name, result);
        }
        catch (Exception e) when (RedisFaults.IsExpected(e))
        {
            // Redis has answered that it does not: or nobody knows how far it came.
            var status = e is RedisServerException ? LeaseStatus.Unavailable : LeaseStatus.Unknown;
            return Failed(RedisFaults.Describe(e), status, RedisFaults.FaultOf(e));
        }
    }

    private static LeaseResult Read(VisionId name, RedisResult[] result)
    {
        var verdict = (int)result[0] switch
        {
            0 => LeaseVerdict.Done,
            1 => LeaseVerdict.Held,
            _ => LeaseVerdict.Stale,
        };
        // Anybody may write into the hash as well: what is no id is nobody.
        var holder = VisionId.TryParse((string?)result[2], out var id) ? id : default;
        var lease = new Lease(name, holder, (long)result[3], (long)result[4], (long)result[5]);
        return LeaseResult.From(new LeaseStep(verdict, lease, (int)result[1] == 1), (long)result[6]);
    }

    private LeaseResult Failed(string error, LeaseStatus status, BackplaneFault fault)
    {
        if (failureLog.Passes(out long count))
            logger.LeaseFailed(error, count);
        return new LeaseResult(status, null, Fault: fault);
    }
}

/// <summary>What the store of leases writes to the log.</summary>
internal static partial class RedisLeaseLog
{
    [LoggerMessage(140, LogLevel.Warning, "Redis could not be asked about a lease ({Error}, {Count} since the last report)",
        EventName = "RedisLeaseFailed")]
    public static partial void LeaseFailed(this ILogger logger, string error, long count);
}
