using Aether.Application;
using Aether.Application.Ports;
using Aether.Domain;
using Aether.Domain.Tokens;
using Aether.Infrastructure.Redis.Connections;
using Aether.Infrastructure.Redis.Health;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Aether.Infrastructure.Redis.Revocations;

/// <summary>
/// What was revoked as one stream in Redis, which trims itself by Redis's clock and ends when all in it is too old. Whoever
/// reads on asks for the entry that it read last as well: if that is gone, it is not the stream that it was.
/// </summary>
internal sealed class RedisRevocationStore(
    RedisConnection connection,
    RedisHealth health,
    RedisNames names,
    TimeProvider time,
    ILogger<RedisRevocationStore> logger) : IRevocationStore
{
    /// <summary>How many are read at once.</summary>
    public const int PageSize = 1_000;

    /// <summary>How many are put back at once.</summary>
    private const int AtOnce = 500;

    private static readonly string Add = RedisScripts.Load("revocations-add.lua");
    private static readonly string Read = RedisScripts.Load("revocations-read.lua");

    private static readonly Rejection Unknown = new(
        ErrorCode.BackplaneUnavailable,
        "the backplane did not answer; it may have been revoked, ask again",
        RetryAfter: TimeSpan.FromSeconds(1));

    private readonly LogThrottle failureLog = new(time);
    private readonly LogThrottle garbageLog = new(time);

    public async ValueTask<Rejection?> AddAsync(
        Revocation revocation, TimeSpan kept, CancellationToken cancellationToken)
    {
        // Asked first: what was never sent was surely not done.
        if (!health.CanPublish)
        {
            Failed("not connected");
            return BackplaneFault.Unreachable.ToRejection();
        }
        try
        {
            await AddAsync([revocation], "*", kept).ConfigureAwait(false);
            return null;
        }
        catch (Exception e) when (RedisFaults.IsExpected(e))
        {
            Failed(RedisFaults.Describe(e));
            return e is RedisServerException ? RedisFaults.FaultOf(e).ToRejection() : Unknown;
        }
    }

    public async ValueTask<RevocationPage?> ReadAsync(string after, CancellationToken cancellationToken)
    {
        // It is asked for all the time, and that Redis is away is told by others.
        if (!health.CanPublish)
            return null;
        try
        {
            var result = (RedisResult[])(await connection.Commands.ScriptEvaluateAsync(
                Read, [names.Revocations], [after, PageSize], RedisConnection.Primary).ConfigureAwait(false))!;
            return result.Length == 1
                ? RevocationPage.Lost
                : ToPage((RedisResult[])result[1]!, after, (long)result[0]);
        }
        catch (Exception e) when (RedisFaults.IsExpected(e))
        {
            Failed(RedisFaults.Describe(e));
            return null;
        }
    }

    public async ValueTask RestoreAsync(
        IReadOnlyList<Revocation> missing, string after, TimeSpan kept, CancellationToken cancellationToken)
    {
        try
        {
            string? last = after;
            foreach (var some in missing.Chunk(AtOnce))
            {
                last = await AddAsync(some, last, kept).ConfigureAwait(false);
                if (last is null)
                    return;
            }
            logger.RevocationsRestored(missing.Count);
        }
        catch (Exception e) when (RedisFaults.IsExpected(e))
        {
            Failed(RedisFaults.Describe(e));
        }
    }

    private async Task<string?> AddAsync(Revocation[] revocations, string known, TimeSpan kept)
    {
        RedisValue[] values =
        [
            (long)Math.Ceiling(kept.TotalMilliseconds), known,
            .. revocations.SelectMany(static one => new RedisValue[]
            {
                one.TokenId is null ? "sub" : "jti",
                one.TokenId ?? one.Subject.Value,
                one.TokenId is null ? ToMs(one.IssuedBefore) : RedisValue.EmptyString,
                (long)one.Age.TotalMilliseconds,
            }),
        ];
        return (string?)await connection.Commands.ScriptEvaluateAsync(
            Add, [names.Revocations], values, RedisConnection.Primary).ConfigureAwait(false);
    }

    private RevocationPage ToPage(RedisResult[] entries, string after, long now)
    {
        var revocations = new List<Revocation>(entries.Length);
        string next = after;
        foreach (var entry in entries)
        {
            var parts = (RedisResult[])entry!;
            next = (string)parts[0]!;
            if (TryReadEntry(next, (string[])parts[1]!, now, out var one))
                revocations.Add(one);
            else if (garbageLog.Passes(out long count))
                logger.RevocationGarbage(count);
        }
        return new RevocationPage(revocations, next, IsComplete: entries.Length < PageSize, IsLost: false);
    }

    // Anybody may write into the stream as well.
    private static bool TryReadEntry(string id, string[] fields, long now, out Revocation revocation)
    {
        revocation = null!;
        string? token = null, client = null, before = null, at = null;
        for (int i = 0; i + 1 < fields.Length; i += 2)
        {
            switch (fields[i])
            {
                case "jti":
                    token = fields[i + 1];
                    break;
                case "sub":
                    client = fields[i + 1];
                    break;
                case "issued_before":
                    before = fields[i + 1];
                    break;
                case "t":
                    at = fields[i + 1];
                    break;
            }
        }
        if (token is not null)
        {
            if (client is not null || !Revocation.IsTokenId(token))
                return false;
            revocation = Revocation.Of(token);
        }
        else
        {
            if (!VisionId.TryParse(client, out var subject) || !TryReadMs(before, out long ms) || ms > LastMs)
                return false;
            revocation = Revocation.Of(subject, DateTimeOffset.FromUnixTimeMilliseconds(ms).UtcDateTime);
        }
        // Of an entry that does not say it, its id does.
        if (!TryReadMs(at, out long then) && !TryReadMs(id.Split('-')[0], out then))
            then = now;
        revocation = revocation with { Age = TimeSpan.FromMilliseconds(Math.Max(0, now - then)) };
        return true;
    }

    private static bool TryReadMs(string? text, out long ms) =>
        Digits.TryParse(text, out ms);

    private static readonly long LastMs = DateTimeOffset.MaxValue.ToUnixTimeMilliseconds();

    private static long ToMs(DateTime utc) =>
        new DateTimeOffset(DateTime.SpecifyKind(utc, DateTimeKind.Utc)).ToUnixTimeMilliseconds();

    private void Failed(string error)
    {
        if (failureLog.Passes(out long count))
            logger.RevocationsFailed(error, count);
    }
}

/// <summary>What the store of revocations writes to the log.</summary>
internal static partial class RedisRevocationLog
{
    [LoggerMessage(160, LogLevel.Warning,
        "Redis could not be asked about revoked tokens ({Error}, {Count} since the last report)",
        EventName = "RedisRevocationsFailed")]
    public static partial void RevocationsFailed(this ILogger logger, string error, long count);

    [LoggerMessage(161, LogLevel.Warning,
        "Among the revocations is what is none; it is passed over ({Count} since the last report)",
        EventName = "RedisRevocationGarbage")]
    public static partial void RevocationGarbage(this ILogger logger, long count);

    [LoggerMessage(162, LogLevel.Warning, "Redis has lost revocations; {Count} that were known here are put back",
        EventName = "RedisRevocationsRestored")]
    public static partial void RevocationsRestored(this ILogger logger, long count);
}
