using System.Diagnostics;
using Aether.Application.Ports;
using Aether.Domain;
using Aether.Infrastructure;
using Aether.Infrastructure.Redis.Connections;
using Aether.Tests.Integration.Fixtures;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>What the bus does while Redis is down, hangs, forgets or comes back.</summary>
public sealed class RedisMessageBusFaultTests
{
    private static readonly ChannelName Group = ChannelName.Group(Messages.Id("g"));

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task IsReady_OnlyOnceRedisIsUp_GivenItWasDownAtStart()
    {
        await using var redis = RedisServer.Create();
        // Redis is not there before this has ended: a start that waited for it would not end.
        await using var host = await BusHost.StartAsync(redis.ConnectionString);
        var sink = new RecordingSink();

        Assert.False(host.Bus.IsReady);
        Assert.Equal(PublishResult.Unavailable, await SayAsync(host, "early"));
        Assert.False(await host.Bus.SubscribeAsync(Group, sink, Token));

        await redis.StartAgainAsync();
        await Eventually.HoldsAsync(() => host.Bus.IsReady);
        // The one that was refused must not have come to life with the connection.
        Assert.Equal("0", await CountAsync(redis, "ws:group:g"));
        Assert.True(await host.Bus.SubscribeAsync(Group, sink, Token));
        Assert.Equal(PublishResult.To(1), await SayAsync(host, "now"));
        await Eventually.HoldsAsync(() => sink.Count > 0);
        Assert.Equal(["now"], sink.Texts);
    }

    [Fact]
    public async Task Publish_IsRefusedAtOnceAndNeverDelivered_GivenRedisIsStopped()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var host = await BusHost.StartReadyAsync(redis.ConnectionString);
        var sink = new RecordingSink();
        Assert.True(await host.Bus.SubscribeAsync(Group, sink, Token));

        await redis.StopAsync();
        var stopped = DateTime.UtcNow;
        await Eventually.HoldsAsync(() => !host.Bus.IsReady);
        for (int i = 0; i < 100; i++)
        {
            long asked = Stopwatch.GetTimestamp();
            Assert.Equal(PublishResult.Unavailable, await SayAsync(host, "late"));
            Assert.True(Stopwatch.GetElapsedTime(asked) < RedisConnection.AnswerTimeout, "an answer was waited for");
        }
        Assert.False(await host.Bus.SubscribeAsync(ChannelName.Broadcast, sink, Token));
        Assert.InRange(host.Log.Count(line => line.StartsWith("RedisPublishFailed", StringComparison.Ordinal)), 1, 5);

        await redis.StartAgainAsync();
        await Eventually.HoldsAsync(() => host.Bus.IsReady);
        Assert.Equal("0", await CountAsync(redis, "ws:broadcast"));
        Assert.Equal(PublishResult.To(1), await SayAsync(host, "now"));
        await Eventually.HoldsAsync(() => sink.Count > 0);
        Assert.Equal(["now"], sink.Texts);
        Assert.NotEmpty(sink.Gaps);
        Assert.True(sink.Gaps[0] <= stopped, "the gap starts after the fault");
    }

    [Fact]
    public async Task Nobody_IsBelieved_OnlyOnceTheLastInstanceMustBeBack_GivenAnOutageThatEnded()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var host = await BusHost.StartReadyAsync(redis.ConnectionString);
        var looksEvery = TimeSpan.FromSeconds(
            ConfigurationOptions.Parse(host.Connection.CommandConnection!.Configuration).ConfigCheckSeconds);
        await redis.StopAsync();
        await Eventually.HoldsAsync(() => !host.Bus.IsReady);

        long back = Stopwatch.GetTimestamp();
        await redis.StartAgainAsync();
        await Eventually.HoldsAsync(() => host.Bus.IsReady);
        // There may be others that look for the primary as often, and hear this channel then.
        Assert.Equal(PublishResult.Refused(BackplaneFault.Unverified), await SayAsync(host, "to nobody"));
        await Eventually.HoldsAsync(async () => await SayAsync(host, "to nobody") == PublishResult.To(0));
        Assert.True(Stopwatch.GetElapsedTime(back) >= 2 * looksEvery, "others may still be about to look");
    }

    [Fact]
    public async Task IsReady_OnlyOnceEveryChannelIsLive_GivenARestartWithManyChannels()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var host = await BusHost.StartReadyAsync(redis.ConnectionString);
        var sink = new RecordingSink();
        var channels = Enumerable.Range(0, 2_000).Select(i => ChannelName.Client(Messages.Id($"c{i}"))).ToArray();
        bool[] subscribed = await Task.WhenAll(channels.Select(one => host.Bus.SubscribeAsync(one, sink, Token)));
        Assert.All(subscribed, Assert.True);

        await redis.KillAsync();
        await Eventually.HoldsAsync(() => !host.Bus.IsReady);
        await redis.StartAgainAsync();
        await Eventually.HoldsAsync(() => host.Bus.IsReady, TimeSpan.FromSeconds(20));

        Assert.Equal(channels.Length, await LiveAsync(redis, channels.Select(one => "ws:client:" + one.Id.Value)));
        await Eventually.HoldsAsync(() => sink.Gaps.Count > 0);
    }

    [Fact]
    public async Task Gap_IsReportedAndChannelsAreLive_GivenTheSubscriptionConnectionIsKilledAgainAndAgain()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var host = await BusHost.StartReadyAsync(redis.ConnectionString);
        var sink = new RecordingSink();
        var channels = Enumerable.Range(0, 200).Select(i => ChannelName.Client(Messages.Id($"c{i}"))).ToArray();
        bool[] subscribed = await Task.WhenAll(channels.Select(one => host.Bus.SubscribeAsync(one, sink, Token)));
        Assert.All(subscribed, Assert.True);

        for (int round = 1; round <= 3; round++)
        {
            int gaps = sink.Gaps.Count;
            long epoch = host.Health.Epoch;
            var killed = DateTime.UtcNow;
            Assert.NotEqual("0", await redis.RunAsync("CLIENT", "KILL", "TYPE", "pubsub"));

            await Eventually.HoldsAsync(() => sink.Gaps.Count > gaps && host.Bus.IsReady);
            Assert.True(host.Health.Epoch > epoch);
            Assert.True(sink.Gaps[gaps] <= killed, "the gap starts after the fault");
            Assert.Equal(channels.Length, await LiveAsync(redis, channels.Select(one => "ws:client:" + one.Id.Value)));
        }
    }

    [Fact]
    public async Task Publish_IsNotDeliveredLate_GivenRedisHangs()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var one = await BusHost.StartReadyAsync(redis.ConnectionString);
        await using var two = await BusHost.StartReadyAsync(redis.ConnectionString);
        var sink = new RecordingSink();
        Assert.True(await two.Bus.SubscribeAsync(Group, sink, Token));

        redis.Pause();
        var paused = DateTime.UtcNow;
        var inHang = SayAsync(one, "late");
        var subscribing = two.Bus.SubscribeAsync(ChannelName.Broadcast, sink, Token);
        await Eventually.HoldsAsync(() => !one.Bus.IsReady && !two.Bus.IsReady);
        long asked = Stopwatch.GetTimestamp();
        Assert.Equal(PublishResult.Unavailable, await SayAsync(one, "later"));
        Assert.True(Stopwatch.GetElapsedTime(asked) < RedisConnection.AnswerTimeout, "an answer was waited for");
        Assert.Equal(PublishResult.Unavailable, await inHang);
        Assert.False(await subscribing);
        redis.Resume();

        await Eventually.HoldsAsync(() => one.Bus.IsReady && two.Bus.IsReady);
        await Eventually.HoldsAsync(async () => await CountAsync(redis, "ws:broadcast") == "0");
        Assert.Equal(PublishResult.To(1), await SayAsync(one, "now"));
        await Eventually.HoldsAsync(() => sink.Count > 0);
        Assert.Equal(["now"], sink.Texts);
        // A machine that is busy may bring more of them.
        Assert.NotEmpty(sink.Gaps);
        Assert.True(sink.Gaps[0] <= paused, "the gap starts after the fault");
    }

    [Fact]
    public async Task IsReady_TurnsFalse_GivenAConnectionThatIsOpenButDeaf()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var proxy = DeafProxy.Start(redis);
        await using var host = await BusHost.StartReadyAsync(proxy.ConnectionString);
        var sink = new RecordingSink();
        Assert.True(await host.Bus.SubscribeAsync(Group, sink, Token));

        proxy.IsDeaf = true;
        await Eventually.HoldsAsync(() => !host.Bus.IsReady, TimeSpan.FromSeconds(20));
        proxy.IsDeaf = false;

        await Eventually.HoldsAsync(() => host.Bus.IsReady, TimeSpan.FromSeconds(20));
        await Eventually.HoldsAsync(() => sink.Gaps.Count > 0);
        Assert.Equal(PublishResult.To(1), await SayAsync(host, "now"));
        await Eventually.HoldsAsync(() => sink.Count > 0);
        Assert.Equal(["now"], sink.Texts);
    }

    [Fact]
    public async Task Subscription_IsMadeAnew_GivenRedisForgotOneThatAnotherInstanceHas()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var host = await BusHost.StartReadyAsync(redis.ConnectionString);
        await using var other = await BusHost.StartReadyAsync(redis.ConnectionString);
        var sink = new RecordingSink();
        Assert.True(await host.Bus.SubscribeAsync(Group, sink, Token));
        Assert.True(await host.Bus.SubscribeAsync(ChannelName.Broadcast, sink, Token));
        Assert.True(await other.Bus.SubscribeAsync(Group, new RecordingSink(), Token));

        // Behind the back of the client library, on its own connection: neither it nor NUMSUB shows that anything is
        // missing.
        await RedisForgetsAsync(host, "ws:group:g");

        await Eventually.HoldsAsync(() => sink.Gaps.Count > 0, state: () => string.Join(" | ", host.Log.TakeLast(5)));
        await Eventually.HoldsAsync(() => host.Bus.IsReady);
        Assert.Equal(PublishResult.To(2), await SayAsync(host, "now"));
        await Eventually.HoldsAsync(() => sink.Count > 0);
        Assert.Equal(["now"], sink.Texts);
    }

    [Fact]
    public async Task Unsubscribe_LeavesNothingBehind_GivenRedisHangsMeanwhile()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var host = await BusHost.StartReadyAsync(redis.ConnectionString);
        var sink = new RecordingSink();
        Assert.True(await host.Bus.SubscribeAsync(Group, sink, Token));

        redis.Pause();
        await host.Bus.UnsubscribeAsync(Group, Token);
        redis.Resume();

        await Eventually.HoldsAsync(() => host.Bus.IsReady);
        await Eventually.HoldsAsync(async () => await CountAsync(redis, "ws:group:g") == "0");
        // As soon as others can be believed to be back as well.
        await Eventually.HoldsAsync(
            async () => await host.Bus.PublishAsync(Group, Messages.ToGroup("g"), Token) == PublishResult.To(0),
            TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task IsReady_StaysFalse_GivenRedisDeniesSubscribing()
    {
        await using var redis = await RedisServer.StartAsync();
        await redis.RunAsync("ACL", "SETUSER", "limited", "on", ">pw", "~*", "+@all", "resetchannels");
        await using var host = await BusHost.StartAsync(redis.ConnectionString + ",user=limited,password=pw");

        await Eventually.HoldsAsync(() => host.Log.Any(line => line.StartsWith("BackplaneLost", StringComparison.Ordinal)));
        Assert.False(host.Bus.IsReady);
        Assert.False(await host.Bus.SubscribeAsync(Group, new RecordingSink(), Token));

        await redis.RunAsync("ACL", "SETUSER", "limited", "allchannels");
        await Eventually.HoldsAsync(() => host.Bus.IsReady);
        Assert.DoesNotContain(host.Log, line => line.Contains("pw", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Publish_TravelsThroughShardedChannels_GivenACluster()
    {
        await using var redis = await RedisServer.StartClusterAsync();
        await using var one = await BusHost.StartReadyAsync(redis.ConnectionString);
        await using var two = await BusHost.StartReadyAsync(redis.ConnectionString);
        var sink = new RecordingSink();
        ChannelName[] channels = [Group, ChannelName.Client(Messages.Id("c")), ChannelName.Broadcast];
        foreach (var channel in channels)
            Assert.True(await two.Bus.SubscribeAsync(channel, sink, Token), string.Join("\n", two.Log));

        Assert.Equal("ws:group:g\n1", await redis.RunAsync("PUBSUB", "SHARDNUMSUB", "ws:group:g"));
        Assert.Equal("0", await CountAsync(redis, "ws:group:g"));
        Assert.Equal(PublishResult.To(1), await SayAsync(one, "1"));
        var direct = await one.Bus.PublishAsync(channels[1], Messages.ToClient("c", "g", "2"), Token);
        Assert.Equal(PublishResult.To(1), direct);
        var all = await one.Bus.PublishAsync(ChannelName.Broadcast, Messages.ToAll("3"), Token);
        Assert.Equal(PublishResult.To(1), all);
        await Eventually.HoldsAsync(() => sink.Count == 3);
        Assert.Equal(["1", "2", "3"], sink.Texts.Order());

        await redis.RunAsync("CLIENT", "KILL", "TYPE", "pubsub");
        await Eventually.HoldsAsync(() => sink.Gaps.Count > 0 && one.Bus.IsReady && two.Bus.IsReady);
        foreach (var channel in channels)
            Assert.Equal(PublishResult.To(1), await one.Bus.PublishAsync(channel, Messages.ToAll("x"), Token));
    }

    [Theory]
    [InlineData("localhost,nonsense=secret")]
    [InlineData("localhost,ssl=secret")]
    [InlineData("password=secret")]
    public void AddAetherInfrastructure_NamesTheSettingOnly_GivenAWrongConnectionString(string connectionString)
    {
        var error = Assert.Throws<ArgumentException>(
            () => new ServiceCollection().AddAetherInfrastructure(connectionString));

        Assert.Contains("ConnectionStrings:Redis", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", error.ToString(), StringComparison.Ordinal);
    }

    private static Task<PublishResult> SayAsync(BusHost host, string text) =>
        host.Bus.PublishAsync(Group, Messages.ToGroup("g", text), Token).AsTask();

    private static async Task RedisForgetsAsync(BusHost host, string channel)
    {
        foreach (var server in host.Connection.SubscriptionServers)
            await server.ExecuteAsync("UNSUBSCRIBE", channel);
    }

    private static async Task<string> CountAsync(RedisServer redis, string channel) =>
        (await redis.RunAsync("PUBSUB", "NUMSUB", channel)).Split('\n')[^1];

    private static async Task<int> LiveAsync(RedisServer redis, IEnumerable<string> channels)
    {
        string[] live = (await redis.RunAsync("PUBSUB", "CHANNELS", "ws:client:*")).Split('\n');
        return live.Intersect(channels).Count();
    }
}
