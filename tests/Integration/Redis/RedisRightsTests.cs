using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using Aether.Application;
using Aether.Infrastructure.Redis;
using Aether.Infrastructure.Redis.Health;
using Aether.Tests.Integration.Fixtures;
using Microsoft.Extensions.Options;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>What Redis's ACL has to allow, and what is said where it does not.</summary>
public sealed partial class RedisRightsTests
{
    private const int AtOnce = 6;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Redis asks nobody for a right to log in with, and the client library can do without the others.</summary>
    private static readonly string[] NiceToHave = ["hello", "auth", "client|id", "client|setname"];

    /// <summary>The rights that a cluster alone needs, and those that it needs for V2 alone.</summary>
    private static readonly string[] OfClusters =
    [
        "asking", "cluster|info", "cluster|nodes", "cluster|slots", "spublish", "ssubscribe", "sunsubscribe",
        "pubsub|shardnumsub",
    ];

    private static readonly string[] OfLegacy = ["publish", "subscribe", "unsubscribe", "pubsub|numsub"];

    [Theory]
    [InlineData(false, "")]
    [InlineData(false, "prod:")]
    [InlineData(true, "")]
    [InlineData(true, "prod:")]
    public async Task TheLine_IsEnoughForEverything(bool cluster, string prefix)
    {
        await using var redis = await StartAsync(cluster);
        await GrantAsync(redis, "aether", AclLine.Read(prefix).Rules);
        await using var host = await StartHostAsync(redis, "aether", prefix, legacy: true);
        await Eventually.HoldsAsync(() => host.Bus.IsReady, Patience, () => host.Bus.Problem ?? "");

        await Errand.RunAsync(host, redis, prefix, legacy: true);
        // Some of it is only needed where a connection comes back.
        await redis.RunAsync("SCRIPT", "FLUSH");
        await redis.RunAsync("CLIENT", "KILL", "USER", "aether");
        await Eventually.HoldsAsync(
            () => host.Log.Count(line => line.StartsWith("BackplaneReady", StringComparison.Ordinal)) > 1, Patience);
        await Errand.RunAsync(host, redis, prefix, legacy: true);

        // Redis keeps what it refused. The client library asks for its settings, and does without.
        string[] log = (await redis.RunAsync("ACL", "LOG")).Split('\n');
        var refused = log.Zip(log.Skip(1)).Where(pair => pair.First == "object").Select(pair => pair.Second);
        Assert.Equal(["config|get"], refused.Distinct());
    }

    [Theory]
    [InlineData(false, true)]
    [InlineData(true, false)]
    public async Task EachCommandOfTheLine_IsNamedBeforeReady_OrIsNotNeeded(bool cluster, bool legacy)
    {
        var line = AclLine.Read();
        string[] spare = [.. NiceToHave, .. cluster ? [] : OfClusters, .. cluster && !legacy ? OfLegacy : []];
        Assert.Empty(spare.Except(line.Commands));
        await using var redis = await StartAsync(cluster);
        await ForEachAsync(line.Commands, async (command, user) =>
        {
            await GrantAsync(redis, user, line.Without("+" + command));
            await using var host = await StartHostAsync(redis, user, "", legacy);
            if (!spare.Contains(command))
            {
                await AssertNamedAsync(host, "the command " + command);
                await redis.RunAsync("ACL", "SETUSER", user, "+" + command);
            }
            await Eventually.HoldsAsync(
                () => host.Bus.IsReady, Patience, () => $"without {command}: {host.Bus.Problem} {Last(host)}");
            await Errand.RunAsync(host, redis, "", legacy);
        });
    }

    [Theory]
    [InlineData(false, "")]
    [InlineData(true, "prod:")]
    public async Task EachPatternOfTheLine_IsNamedBeforeReady_AndEachPartOfIt(bool cluster, string prefix)
    {
        var line = AclLine.Read(prefix);
        var names = new RedisNames(Options.Create(new RealtimeOptions { Redis = { Prefix = prefix } }));
        string[] keys = [.. RedisRights.KeyCommands.Keys.Select(kind => names.Trial(kind).Pattern)];
        string[] channels = [.. names.Patterns];
        // The pattern that is narrowed, what is left of it, and what has to be named.
        List<(string Rule, string[] Left, string Named)> cases =
        [
            .. keys.Select(one => ($"~{prefix}ws:*", Others(keys, one, '~'), "the keys " + one)),
            .. channels.Select(one => ($"&{prefix}ws:*", Others(channels, one, '&'), "the channels " + one)),
            ($"&{prefix}channel:ws", [], $"the channels {prefix}channel:ws"),
        ];
        Assert.Equal(
            line.Rules.Where(rule => rule[0] is '~' or '&').Order(), cases.Select(one => one.Rule).Distinct().Order());
        await using var redis = await StartAsync(cluster);
        await ForEachAsync(cases, async (one, user) =>
        {
            await GrantAsync(redis, user, line.Replacing(one.Rule, one.Left));
            await using var host = await StartHostAsync(redis, user, prefix, legacy: true);
            await AssertNamedAsync(host, one.Named);
            await redis.RunAsync("ACL", "SETUSER", user, one.Rule);
            await Eventually.HoldsAsync(
                () => host.Bus.IsReady, Patience, () => $"{one.Named}: {host.Bus.Problem} {Last(host)}");
        });
    }

    [Theory]
    [InlineData("pubsub|numsub", true)]
    [InlineData("hdel", true)]
    [InlineData("publish", false)]
    public async Task ARightThatIsTakenAwayLater_IsNamed_WithACutOrWithout(string command, bool cut)
    {
        await using var redis = await RedisServer.StartAsync();
        await GrantAsync(redis, "aether", AclLine.Read().Rules);
        await using var host = await StartHostAsync(redis, "aether", "", legacy: true);
        await Eventually.HoldsAsync(() => host.Bus.IsReady, Patience, () => host.Bus.Problem ?? "");

        await redis.RunAsync("ACL", "SETUSER", "aether", "-" + command);
        if (cut)
            await redis.RunAsync("CLIENT", "KILL", "USER", "aether");

        await AssertNamedAsync(host, "the command " + command);
        await redis.RunAsync("ACL", "SETUSER", "aether", "+" + command);
        await Eventually.HoldsAsync(() => host.Bus.IsReady, Patience, () => $"{host.Bus.Problem} {Last(host)}");
        await Errand.RunAsync(host, redis, "", legacy: true);
    }

    [Fact]
    public void KeyCommands_HoldEverythingThatScriptsRun()
    {
        var tried = RedisRights.KeyCommands.Values.SelectMany(one => one).Select(one => one.Split('|')[0]).ToHashSet();
        tried.UnionWith(["TIME", "INFO", "PUBSUB"]);
        var assembly = typeof(RedisRights).Assembly;
        var run = assembly.GetManifestResourceNames()
            .Where(name => name.EndsWith(".lua", StringComparison.Ordinal) && name != "rights-try.lua")
            .SelectMany(name => Calls().Matches(RedisScripts.Load(name)))
            .Select(call => call.Groups[1].Value)
            .ToHashSet();

        Assert.NotEmpty(run);
        Assert.Empty(run.Except(tried));
    }

    private static Task<RedisServer> StartAsync(bool cluster) =>
        cluster ? RedisServer.StartClusterAsync() : RedisServer.StartAsync();

    private static async Task GrantAsync(RedisServer redis, string user, string[] rules) =>
        Assert.Equal("OK", await redis.RunAsync(["ACL", "SETUSER", user, .. rules]));

    private static Task<BusHost> StartHostAsync(RedisServer redis, string user, string prefix, bool legacy) =>
        BusHost.StartAsync(redis.ConnectionString, options =>
        {
            options.Redis.User = user;
            options.Redis.Password = AclLine.Password;
            options.Redis.Prefix = prefix;
            options.Legacy.Enabled = legacy;
            options.Presence.Lease = Duration.FromSeconds(4);
        });

    /// <summary>Not ready, for this reason alone, and the log says so.</summary>
    private static async Task AssertNamedAsync(BusHost host, string right)
    {
        await Eventually.HoldsAsync(
            // The client library tries its first command by itself, and then there is no connection.
            () => host.Bus.Problem is { } problem
                && (problem == "Redis's ACL refuses " + right || problem == "not connected: Redis's ACL refuses " + right),
            Patience,
            () => $"{right}: ready {host.Bus.IsReady}, {host.Bus.Problem} {Last(host)}");
        Assert.False(host.Bus.IsReady);
        Assert.Contains(
            host.Log,
            line => (line.StartsWith("RedisRightMissing", StringComparison.Ordinal)
                    || line.StartsWith("BackplaneLost", StringComparison.Ordinal))
                && line.Contains(right, StringComparison.Ordinal));
        Assert.DoesNotContain(host.Log, line => line.Contains(AclLine.Password, StringComparison.Ordinal));
    }

    /// <summary>Several at a time, each with a user of its own.</summary>
    private static async Task ForEachAsync<T>(IEnumerable<T> all, Func<T, string, Task> test)
    {
        var failed = new ConcurrentQueue<string>();
        await Parallel.ForEachAsync(
            all.Select((one, i) => (one, i)),
            new ParallelOptions
            {
                MaxDegreeOfParallelism = AtOnce,
                CancellationToken = TestContext.Current.CancellationToken,
            },
            async (one, _) =>
            {
                try
                {
                    await test(one.one, $"user{one.i}");
                }
#pragma warning disable CA1031 // Each is told, not only the first.
                catch (Exception e)
#pragma warning restore CA1031
                {
                    failed.Enqueue($"{one.one}: {e.Message}");
                }
            });
        Assert.Empty(failed);
    }

    private static string[] Others(string[] all, string one, char sign) =>
        [.. all.Where(other => other != one).Select(other => sign + other)];

    private static string Last(BusHost host) => string.Join(" | ", host.Log.TakeLast(5));

    [GeneratedRegex("redis\\.p?call\\(\\s*'([A-Z]+)'")]
    private static partial Regex Calls();
}
