using Aether.Application;
using Aether.Domain;
using Aether.Infrastructure.Redis.Connections;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace Aether.Infrastructure.Redis.Health;

/// <summary>
/// Who this instance is to Redis, and what Redis's ACL has to allow, all of it tried. Without one of these rights an instance seems to work until the
/// moment that it needs it: the verification after an outage, a leave, the end of another instance.
/// <c>docs/operations.md</c> has the line that grants them.
/// </summary>
internal sealed class RedisRights(
    RedisConnection connection, RedisNames names, IOptions<RealtimeOptions> options, ILogger<RedisRights> logger)
{
    private static readonly string Script = RedisScripts.Load("rights-try.lua");
    private readonly string instance = Guid.NewGuid().ToString("N");
    private bool untriedTold;

    /// <summary>The commands that scripts and the adapters run on keys; a test compares it with the scripts.</summary>
    public static IReadOnlyDictionary<string, string[]> KeyCommands { get; } = new Dictionary<string, string[]>
    {
        ["leases"] = ["ZSCORE|x", "ZADD|0|x", "ZREM|x", "ZRANGEBYSCORE|0|0", "ZRANGE|0|0"],
        ["groups"] = ["SADD|x", "SREM|x", "SMEMBERS", "DEL", "UNLINK"],
        ["members"] = ["SADD|x", "SREM|x", "SCARD", "SISMEMBER|x", "SSCAN|0", "SMEMBERS"],
        ["holders"] = ["HGET|x", "HMGET|x", "HGETALL", "HSET|x|x", "HDEL|x", "DEL"],
        ["held"] = ["HGET|x", "HKEYS", "HSET|x|x", "HDEL|x", "DEL"],
        ["versions"] = ["HGET|x", "HMGET|x", "HSET|x|x", "HDEL|x", "DEL"],
        ["history"] = ["XADD|*|x|x", "XRANGE|-|+", "XLEN", "EXISTS", "PEXPIRE|1", "DEL"],
        ["place"] = ["HMGET|e", "HSET|e|x", "PEXPIRE|1"],
        ["sent"] = ["GET", "SET|x"],
        ["lease"] = ["HMGET|x", "HSET|x|x", "HDEL|x"],
        ["command"] = ["HGET|x", "HMGET|x", "HSET|x|x", "PEXPIRE|1"],
        ["executions"] = ["HMGET|x", "HSET|x|x", "HDEL|x", "PEXPIRE|1"],
        ["places"] = ["HGET|x", "HSET|x|x", "PEXPIRE|1"],
        ["timers"] = ["ZADD|0|x", "ZREM|x", "ZRANGE|0|0", "ZRANGEBYSCORE|0|0", "UNLINK"],
        ["changed"] = ["ZADD|0|x", "ZRANGEBYSCORE|0|0", "PEXPIRE|1"],
        ["commands"] = ["ZADD|0|x", "ZREM|x", "ZSCORE|x", "ZCARD", "ZRANGE|0|0", "PEXPIRE|1"],
        ["running"] = ["ZADD|0|x", "ZREM|x", "ZCARD", "ZRANGE|0|0", "ZRANGEBYSCORE|0|0"],
        ["ended"] = ["ZADD|0|x", "ZREM|x", "ZRANGEBYSCORE|0|0", "PEXPIRE|1"],
        ["asked"] = ["GET", "SET|x", "PEXPIRE|1"],
        ["due"] = ["ZSCORE|x", "ZADD|0|x", "ZREM|x", "ZRANGEBYSCORE|0|0"],
        ["instance"] = ["GET", "SET|x", "DEL"],
        ["ends"] = ["ZSCORE|x", "ZADD|0|x", "ZREM|x", "ZRANGEBYSCORE|0|0", "ZRANGE|0|0"],
        ["revocations"] = ["XADD|*|x|x", "XRANGE|-|+", "PEXPIRE|1"],
    };

    /// <summary>
    /// Whether Redis serves this instance as the user that the settings name. Where the default user needs no password, a
    /// client whose login was refused is served as that one.
    /// </summary>
    public async Task<bool> IsKnownAsync() =>
        !(await Task.WhenAll(connection.Servers.Select(IsKnownAsync)).ConfigureAwait(false)).Contains(false);

    /// <summary>Whether a server serves us as the user that the settings name, as far as it tells.</summary>
    private async Task<bool> IsKnownAsync(IServer server)
    {
        try
        {
            var info = await server.ExecuteAsync("CLIENT", "INFO").ConfigureAwait(false);
            return RedisCensus.UserOf(info.ToString()) is not { } user || user == connection.User;
        }
        catch (Exception e) when (e is RedisServerException or RedisCommandException)
        {
            // Not allowed, not known to an old server, or taken away by the connection string.
            return true;
        }
    }

    /// <summary>Tries everything; nothing is changed by it.</summary>
    /// <returns>What is refused, each thing in words and once.</returns>
    public async Task<IReadOnlyList<string>> FindMissingAsync()
    {
        var missing = new SortedSet<string>(StringComparer.Ordinal);
        // All that a server is asked costs it less than a millisecond.
        await Task.WhenAll(
            [
                .. connection.CommandServers.Where(static server => !server.IsReplica)
                    .Select(server => TryCommandsAsync(server, missing)),
                .. connection.SubscriptionServers.Where(static server => !server.IsReplica)
                    .Select(server => TrySubscriptionsAsync(server, missing)),
                TrySubscribingAsync(missing),
            ]).ConfigureAwait(false);
        lock (missing)
            return [.. missing];
    }

    private async Task TryCommandsAsync(IServer server, SortedSet<string> missing)
    {
        await TryAsync(server, missing, "PING").ConfigureAwait(false);
        await TryAsync(server, missing, "TIME").ConfigureAwait(false);
        await TryAsync(server, missing, "INFO", "server").ConfigureAwait(false);
        if (connection.IsCluster)
        {
            await TryAsync(server, missing, "ASKING").ConfigureAwait(false);
            await TryAsync(server, missing, "CLUSTER", "INFO").ConfigureAwait(false);
            await TryAsync(server, missing, "CLUSTER", "NODES").ConfigureAwait(false);
            await TryAsync(server, missing, "CLUSTER", "SLOTS").ConfigureAwait(false);
        }
        // The client library sends a script whole at first, and by its hash from then on.
        await TryAsync(server, missing, "EVAL", "return 1", "0").ConfigureAwait(false);
        if (await TryAsync(server, missing, "SCRIPT", "LOAD", Script).ConfigureAwait(false) is not { } loaded)
            return;
        var trials = Trials().ToList();
        object[] arguments =
        [
            (string)loaded!, "0", .. trials.SelectMany(one => one.Words.Prepend($"{one.Words.Length}")),
        ];
        if (await TryAsync(server, missing, "EVALSHA", arguments).ConfigureAwait(false) is not { } answers)
            return;
        string[] errors = (string[])answers!;
        for (int i = 0; i < errors.Length && i < trials.Count; i++)
        {
            string command = trials[i].Words[0].ToLowerInvariant();
            switch (RedisFaults.Refused(errors[i]))
            {
                case AclRefusal.Command:
                    Add(missing, "the command " + command);
                    break;
                case AclRefusal.Key:
                    Add(missing, "the keys " + trials[i].Pattern);
                    break;
                case AclRefusal.Channel:
                    Add(missing, "the channels " + trials[i].Pattern);
                    break;
            }
        }
    }

    private async Task TrySubscriptionsAsync(IServer server, SortedSet<string> missing)
    {
        await TryAsync(server, missing, "PING").ConfigureAwait(false);
        await TryAsync(server, missing, "CLIENT", "INFO").ConfigureAwait(false);
        await TryAsync(server, missing, "INFO", "replication").ConfigureAwait(false);
        foreach (var channel in TrialChannels())
        {
            string count = channel.IsSharded ? "SHARDNUMSUB" : "NUMSUB";
            await TryAsync(server, missing, "PUBSUB", count, channel.ToString()).ConfigureAwait(false);
        }
    }

    /// <summary>Subscribes as everything else does: the client takes a raw answer for news of the server's.</summary>
    private async Task TrySubscribingAsync(SortedSet<string> missing)
    {
        if (connection.Subscriber is not { } subscriber)
            return;
        foreach (var channel in TrialChannels())
        {
            string prefix = channel.IsSharded ? "S" : "";
            bool subscribed = await TryAsync(missing, prefix + "SUBSCRIBE", async () =>
            {
                await subscriber.SubscribeAsync(channel, static (_, _) => { }, RedisConnection.Primary)
                    .ConfigureAwait(false);
                return RedisResult.Create(RedisValue.EmptyString);
            }).ConfigureAwait(false) is not null;
            // Also where it failed: the client keeps what failed and would bring it to life later.
            var ended = subscriber.UnsubscribeAsync(channel);
            if (subscribed)
            {
                await TryAsync(missing, prefix + "UNSUBSCRIBE", async () =>
                {
                    await ended.ConfigureAwait(false);
                    return RedisResult.Create(RedisValue.EmptyString);
                }).ConfigureAwait(false);
            }
            else
            {
                RedisFaults.Observe(ended);
            }
        }
    }

    /// <summary>Channels by names that no client can have, of each sort that is in use.</summary>
    private IEnumerable<RedisChannel> TrialChannels()
    {
        if (connection.Sharded == true)
            yield return names.Trial(instance, sharded: true);
        if (connection.Sharded != true || options.Value.Legacy.Enabled)
            yield return names.Trial(instance, sharded: false);
    }

    private static void Add(SortedSet<string> missing, string right)
    {
        lock (missing)
            missing.Add(right);
    }

    private IEnumerable<(string Pattern, string[] Words)> Trials()
    {
        foreach (var (kind, commands) in KeyCommands)
        {
            if (kind is "history" or "place" or "sent" && !options.Value.History.KeepsAny())
                continue;
            var (pattern, key) = names.Trial(kind);
            foreach (string command in commands)
            {
                string[] words = command.Split('|');
                yield return (pattern, [words[0], key, .. words[1..]]);
            }
        }
        string publish = connection.Sharded == true ? "SPUBLISH" : "PUBLISH";
        foreach (string pattern in names.Patterns)
            yield return (pattern, [publish, pattern.Replace("*", "aether.", StringComparison.Ordinal), ""]);
        if (options.Value.Legacy.Enabled)
            yield return (names.Legacy.ToString(), ["PUBLISH", names.Legacy.ToString(), ""]);
    }

    // What lies on another server is refused as well, but after the ACL was asked.
    private Task<RedisResult?> TryAsync(
        IServer server, SortedSet<string> missing, string command, params object[] arguments) =>
        TryAsync(
            missing,
            command is "SCRIPT" or "CLIENT" or "PUBSUB" or "CLUSTER" ? command + "|" + arguments[0] : command,
            () => server.ExecuteAsync(command, arguments, CommandFlags.NoRedirect));

    /// <returns>The answer; <see langword="null"/> if there is none to use.</returns>
    private async Task<RedisResult?> TryAsync(
        SortedSet<string> missing, string command, Func<Task<RedisResult>> attempt)
    {
        try
        {
            return await attempt().ConfigureAwait(false);
        }
        catch (RedisServerException e)
        {
            switch (RedisFaults.Refused(e.Message))
            {
                case AclRefusal.Command:
                    Add(missing, "the command " + command.ToLowerInvariant());
                    break;
                case AclRefusal.Channel:
                    Add(missing, "the channels " + names.Pattern(ChannelKind.Client));
                    break;
                case AclRefusal.Key:
                    Add(missing, "keys");
                    break;
                case AclRefusal.None when command is "SCRIPT|LOAD" && !untriedTold:
                    // Before Redis 7 a script cannot promise that it writes nothing.
                    untriedTold = true;
                    logger.Degraded("rights on keys and channels cannot be tried before they are needed");
                    break;
            }
            return null;
        }
        catch (RedisCommandException)
        {
            // The connection string takes the command away.
            return null;
        }
    }
}
