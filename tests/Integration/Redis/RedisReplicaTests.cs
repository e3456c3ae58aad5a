using Aether.Application.Ports;
using Aether.Domain;
using Aether.Tests.Integration.Fixtures;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>A primary with replicas, in the connection string or behind a Sentinel: where subscriptions live.</summary>
public sealed class RedisReplicaTests
{
    private static readonly ChannelName Group = ChannelName.Group(Messages.Id("g"));
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Subscriptions_AreAllOnThePrimary_GivenItWasAwayForAMoment()
    {
        await using var primary = await RedisServer.StartAsync("--repl-diskless-sync-delay", "0");
        await using var replica = await RedisServer.StartReplicaAsync(primary);
        await using var host = await BusHost.StartReadyAsync(Both(primary, replica));
        var sink = new RecordingSink();
        ChannelName[] channels =
            [.. Enumerable.Range(0, 150).Select(i => ChannelName.Client(Messages.Id("c" + i))), Group];
        foreach (var channel in channels)
            Assert.True(await host.Bus.SubscribeAsync(channel, sink, Token));
        Assert.Equal(channels.Length, await HeardAsync(primary, channels));

        await primary.StopAsync();
        var stopped = DateTime.UtcNow;
        // The fault itself: as long as a client library needs to look for another server.
        await Task.Delay(TimeSpan.FromSeconds(2), Token);
        await primary.StartAgainAsync();

        await ReadyAsync(host);
        Assert.Equal(channels.Length, await HeardAsync(primary, channels));
        Assert.Equal(0, await HeardAsync(replica, channels));
        Assert.NotEmpty(sink.Gaps);
        Assert.True(sink.Gaps[0] <= stopped, "the gap starts after the fault");
        // What is published has no way but the primary, so that nothing hangs on the link between them.
        await replica.RunAsync("REPLICAOF", "127.0.0.1", "1");
        Assert.Equal(PublishResult.To(1), await SayAsync(host, "now"));
        await Eventually.HoldsAsync(() => sink.Count == 1);
    }

    [Fact]
    public async Task IsReady_StaysTrue_GivenTheReplicaHangsOrGoes()
    {
        await using var primary = await RedisServer.StartAsync("--repl-diskless-sync-delay", "0");
        await using var replica = await RedisServer.StartReplicaAsync(primary);
        await using var host = await BusHost.StartReadyAsync(Both(primary, replica));
        var sink = new RecordingSink();
        Assert.True(await host.Bus.SubscribeAsync(Group, sink, Token));

        await replica.KillAsync();
        for (int i = 0; i < 20; i++)
        {
            Assert.Equal(PublishResult.To(1), await SayAsync(host, $"{i}"));
            Assert.True(host.Bus.IsReady, host.Bus.Problem);
            await Eventually.HoldsAsync(() => sink.Count == i + 1);
        }
        Assert.Empty(sink.Gaps);
    }

    [Fact]
    public async Task Presence_StaysReady_GivenTheConnectionsToTheReplicaCut()
    {
        await using var primary = await RedisServer.StartAsync("--repl-diskless-sync-delay", "0");
        await using var replica = await RedisServer.StartReplicaAsync(primary);
        await using var host = await BusHost.StartReadyAsync(Both(primary, replica));
        await Eventually.HoldsAsync(() => host.Get<IPresenceStore>().IsReady, Patience);

        await replica.RunAsync("CLIENT", "KILL", "TYPE", "normal");

        // All three connections to it come back, and nothing was there that could be lost.
        await Eventually.HoldsAsync(
            () => host.Log.Count(line => line.StartsWith("RedisConnectionRestored", StringComparison.Ordinal)) >= 3,
            Patience);
        Assert.True(host.Get<IPresenceStore>().IsReady);
        Assert.True(host.Bus.IsReady, host.Bus.Problem);
        Assert.DoesNotContain(host.Log, line => line.StartsWith("PresenceLeaseReplaced", StringComparison.Ordinal));
    }

    [Fact]
    public async Task IsReady_IsFalseWhileTwoArePrimaries_AndGoesOnOnTheOneThatIsLeft()
    {
        await using var primary = await RedisServer.StartAsync("--repl-diskless-sync-delay", "0");
        await using var replica = await RedisServer.StartReplicaAsync(primary);
        await using var host = await BusHost.StartReadyAsync(Both(primary, replica));
        var sink = new RecordingSink();
        Assert.True(await host.Bus.SubscribeAsync(Group, sink, Token));

        await replica.RunAsync("REPLICAOF", "NO", "ONE");

        await Eventually.HoldsAsync(() => !host.Bus.IsReady, Patience);
        await Eventually.HoldsAsync(() => host.Bus.Problem?.Contains("primary", StringComparison.Ordinal) == true, Patience);
        // The roles change: what was the primary follows.
        await primary.RunAsync("REPLICAOF", "127.0.0.1", $"{replica.Port}");
        await ReadyAsync(host);
        Assert.Equal(1, await HeardAsync(replica, [Group]));
        await Eventually.HoldsAsync(
            async () => await HeardAsync(primary, [Group]) == 0,
            state: () => string.Join(" | ", host.Log.TakeLast(12)));
        Assert.Equal(PublishResult.To(1), await SayAsync(host, "moved"));
        Assert.Equal(PublishResult.To(1), await SayAsync(host, "moved on"));
        await Eventually.HoldsAsync(() => sink.Texts.Contains("moved on"));
        Assert.Equal(["moved", "moved on"], sink.Texts);
        Assert.NotEmpty(sink.Gaps);
    }

    [Fact]
    public async Task IsReady_FollowsAPromotion_AndIsFalseWhenTheOldPrimaryComesBackAsOne()
    {
        await using var primary = await RedisServer.StartAsync("--repl-diskless-sync-delay", "0");
        await using var replica = await RedisServer.StartReplicaAsync(primary);
        await using var host = await BusHost.StartReadyAsync(Both(primary, replica));
        var sink = new RecordingSink();
        Assert.True(await host.Bus.SubscribeAsync(Group, sink, Token));

        await primary.KillAsync();
        // Or it would still be ready from before.
        await Eventually.HoldsAsync(() => !host.Bus.IsReady, Patience);
        await replica.RunAsync("REPLICAOF", "NO", "ONE");
        await ReadyAsync(host);
        Assert.Equal(PublishResult.To(1), await SayAsync(host, "promoted"));
        await Eventually.HoldsAsync(() => sink.Count == 1);

        await primary.StartAgainAsync();
        await Eventually.HoldsAsync(() => !host.Bus.IsReady, Patience);
        await primary.RunAsync("REPLICAOF", "127.0.0.1", $"{replica.Port}");
        await ReadyAsync(host);
        Assert.Equal(1, await HeardAsync(replica, [Group]));
        Assert.Equal(PublishResult.To(1), await SayAsync(host, "whole"));
        await Eventually.HoldsAsync(() => sink.Count == 2);
    }

    [Fact]
    public async Task IsReady_IsTrue_GivenTwoAddressesOfOneServer()
    {
        await using var primary = await RedisServer.StartAsync();
        await using var host = await BusHost.StartReadyAsync(
            $"127.0.0.1:{primary.Port},localhost:{primary.Port}");
        var sink = new RecordingSink();
        Assert.True(await host.Bus.SubscribeAsync(Group, sink, Token));
        Assert.Equal(PublishResult.To(1), await SayAsync(host, "1"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Sentinel_BringsEverythingToTheNewPrimary(bool kill)
    {
        await using var primary = await RedisServer.StartAsync("--repl-diskless-sync-delay", "0");
        await using var replica = await RedisServer.StartReplicaAsync(primary);
        await using var sentinel = await RedisServer.StartSentinelAsync(primary, "aether");
        await Eventually.HoldsAsync(
            async () => (await sentinel.RunAsync("SENTINEL", "REPLICAS", "aether"))
                .Contains($"127.0.0.1:{replica.Port}", StringComparison.Ordinal),
            Patience);
        await using var host = await BusHost.StartReadyAsync(sentinel.ConnectionString + ",serviceName=aether");
        await using var other = await BusHost.StartReadyAsync(sentinel.ConnectionString + ",serviceName=aether");
        var sink = new RecordingSink();
        ChannelName[] channels =
            [.. Enumerable.Range(0, 50).Select(i => ChannelName.Client(Messages.Id("c" + i))), Group];
        foreach (var channel in channels)
            Assert.True(await host.Bus.SubscribeAsync(channel, sink, Token));

        if (kill)
            await primary.KillAsync();
        else
            await Eventually.HoldsAsync(
                async () => await sentinel.RunAsync("SENTINEL", "FAILOVER", "aether") == "OK", Patience);

        await Eventually.HoldsAsync(
            async () => (await replica.RunAsync("INFO", "replication"))
                .Contains("role:master", StringComparison.Ordinal),
            Patience);
        await Eventually.HoldsAsync(
            async () => host.Bus.IsReady && other.Bus.IsReady
                && await HeardAsync(replica, channels) == channels.Length,
            Patience,
            () => $"{host.Bus.Problem} {other.Bus.Problem} {string.Join(" | ", host.Log.TakeLast(8))}");
        Assert.NotEmpty(sink.Gaps);
        Assert.Equal(PublishResult.To(1), await SayAsync(other, "now"));
        await Eventually.HoldsAsync(() => sink.Texts.Contains("now"));
    }

    private static string Both(RedisServer primary, RedisServer replica) =>
        primary.ConnectionString + "," + replica.ConnectionString;

    private static Task<PublishResult> SayAsync(BusHost host, string text) =>
        host.Bus.PublishAsync(Group, Messages.ToGroup("g", text), Token).AsTask();

    private static Task ReadyAsync(BusHost host) => Eventually.HoldsAsync(
        () => host.Bus.IsReady,
        Patience,
        () => $"{host.Bus.Problem}: {string.Join(" | ", host.Log.TakeLast(8))}");

    private static async Task<int> HeardAsync(RedisServer server, ChannelName[] channels)
    {
        string[] live = (await server.RunAsync("PUBSUB", "CHANNELS", "ws:*")).Split('\n');
        return live.Intersect(channels.Select(one => one.Kind == ChannelKind.Group
            ? "ws:group:" + one.Id.Value : "ws:client:" + one.Id.Value)).Count();
    }
}
