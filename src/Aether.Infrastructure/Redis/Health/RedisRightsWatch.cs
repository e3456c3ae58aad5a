using Microsoft.Extensions.Logging;

namespace Aether.Infrastructure.Redis.Health;

/// <summary>Tries the rights again and again, since an ACL may change at any time, and tells each finding once.</summary>
internal sealed class RedisRightsWatch(RedisRights rights, TimeProvider time, ILogger<RedisRightsWatch> logger)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);
    private long tried;
    private string? told;

    /// <summary>Whether it is time to try them although all is well.</summary>
    public bool IsDue => time.GetElapsedTime(tried) > Interval;

    /// <summary>Tries all of them.</summary>
    /// <param name="mayHang">
    /// Whether no answer is none: whoever hangs is found by the next look at the servers, which must not wait for it.
    /// </param>
    /// <returns>What is wrong or refused, in words; <see langword="null"/>: nothing.</returns>
    public async Task<string?> FindProblemAsync(bool mayHang)
    {
        tried = time.GetTimestamp();
        var trying = TryAsync();
        RedisFaults.Observe(trying);
        await Task.WhenAny(trying, Task.Delay(RedisPulse.Interval, time)).ConfigureAwait(false);
        if (mayHang && !trying.IsCompletedSuccessfully)
            return null;
        return await trying.ConfigureAwait(false);
    }

    /// <summary>All is well: whatever is refused from now on is told again.</summary>
    public void Reset() => told = null;

    private async Task<string?> TryAsync()
    {
        // First: as somebody else there are other rights.
        if (!await rights.IsKnownAsync().ConfigureAwait(false))
            return RedisFaults.WrongPassword;
        var missing = await rights.FindMissingAsync().ConfigureAwait(false);
        if (missing.Count == 0)
            return null;
        string names = string.Join(", ", missing);
        if (names != told)
            logger.RightMissing(names);
        told = names;
        return "Redis's ACL refuses " + names;
    }
}
