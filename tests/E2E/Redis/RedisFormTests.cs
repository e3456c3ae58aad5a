using System.Diagnostics;
using System.Globalization;
using Xunit;

namespace Aether.Tests.E2E;

/// <summary>What clients of two instances see of a Redis with replicas: while it is whole, and when a server fails.</summary>
/// <typeparam name="TForm">The form of Redis.</typeparam>
public abstract class RedisFormTests<TForm>(TwoInstancesOn<TForm> instances)
    where TForm : RedisForm, new()
{
    /// <summary>On a cluster they lie on all of its shards.</summary>
    private const int Groups = 6;

    [Fact]
    public async Task Messages_CrossInstances_WhereverTheirChannelsLie()
    {
        await instances.WaitUntilReadyAsync();
        await using var talks = await instances.TalkAsync(Groups);
        foreach (var talk in talks.All)
        {
            Assert.Equal(2, (await talk.SayAsync("group")).Instances);
            Assert.Equal(1, (await talk.SayAsync("direct")).Instances);
        }
        Assert.Equal(2, (await talks.All[0].SayAsync("broadcast")).Instances);

        foreach (var talk in talks.All)
        {
            // Each came through a channel of its own, and between channels there is no order.
            foreach (string id in new[] { "group-0", "direct-1", "broadcast-2" })
                await talk.ListenForAsync(id);
            await talk.ListenUntilNowAsync();
            Assert.Equal(
                ["broadcast-2", "direct-1", "group-0"],
                talk.Heard.Select(message => message.Text("msg")).OfType<string>().Order(StringComparer.Ordinal).ToArray());
            Assert.Equal(0, talk.Gaps);
            Assert.Equal(2, (await Roster.OfAsync(talk.Listener)).Total);
        }
        var owners = new HashSet<RedisServer>();
        foreach (var talk in talks.All)
            owners.Add(await instances.Redis.OwnerAsync(TwoInstancesOn<TForm>.Channel(talk.Group)));
        // Half of the servers are replicas.
        Assert.Equal(instances.Redis.Servers.Count / 2, owners.Count);
    }

    [Fact]
    public async Task EverythingIsWholeAgain_AndNoLossIsSilent_GivenAPrimaryKilled()
    {
        await instances.WaitUntilReadyAsync();
        await using var talks = await instances.TalkAsync(Groups);
        string channel = TwoInstancesOn<TForm>.Channel(talks.All[0].Group);
        var primary = await instances.Redis.OwnerAsync(channel);
        var replica = await instances.Redis.ReplicaOfAsync(primary);
        try
        {
            await talks.DuringAsync(async () =>
            {
                await SaidAsync(talks, 4);
                await primary.KillAsync();
                await Eventually.HoldsAsync(
                    async () => !await instances.AreReadyAsync(), "the outage is noticed", TimeSpan.FromSeconds(30));
                await instances.Redis.SucceedAsync(replica);
                var since = Stopwatch.StartNew();
                await instances.WaitUntilReadyAsync();
                TestContext.Current.TestOutputHelper?.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"in service {since.Elapsed.TotalSeconds:0.0} s after the promotion"));
            });
            await AssertWholeAsync(talks, replica, channel);
            Assert.All(talks.All, talk => Assert.NotEqual(0, talk.Gaps));

            // The one that died comes back, and finds that it is not needed.
            await instances.Redis.HealAsync();
            await instances.WaitUntilReadyAsync();
            await AssertWholeAsync(talks, replica, channel);
        }
        finally
        {
            await instances.Redis.HealAsync();
        }
    }

    [Fact]
    public async Task NothingIsNoticed_GivenAReplicaThatHangs()
    {
        await instances.WaitUntilReadyAsync();
        await using var talks = await instances.TalkAsync(Groups);
        string channel = TwoInstancesOn<TForm>.Channel(talks.All[0].Group);
        var primary = await instances.Redis.OwnerAsync(channel);
        var replica = await instances.Redis.ReplicaOfAsync(primary);
        replica.Pause();
        try
        {
            await talks.DuringAsync(async () =>
            {
                // As long as a client library takes to give a silent server up, and longer.
                var pause = Stopwatch.StartNew();
                await Eventually.HoldsAsync(
                    async () =>
                    {
                        Assert.True(await instances.AreReadyAsync(), instances.A.Log + instances.B.Log);
                        return pause.Elapsed > TimeSpan.FromSeconds(6);
                    },
                    "the pause ends",
                    TimeSpan.FromSeconds(60));
            });
            // Until here: that it comes back is another event, after which an instance may look at all that it hears.
            foreach (var talk in talks.All)
            {
                Assert.Equal(0, talk.Gaps);
                Assert.All(talk.Said, one => Assert.Null(one.Error));
            }
        }
        finally
        {
            replica.Resume();
        }
        await instances.WaitUntilReadyAsync();
        await AssertWholeAsync(talks, primary, channel);
        await instances.Redis.HealAsync();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task EverythingStaysOnThePrimary_AndNoLossIsSilent_GivenItIsAwayForAMoment(int seconds)
    {
        await instances.WaitUntilReadyAsync();
        await using var talks = await instances.TalkAsync(Groups);
        string channel = TwoInstancesOn<TForm>.Channel(talks.All[0].Group);
        var primary = await instances.Redis.OwnerAsync(channel);
        var replica = await instances.Redis.ReplicaOfAsync(primary);
        await instances.Redis.HoldFailoversAsync(true);
        try
        {
            await talks.DuringAsync(async () =>
            {
                await SaidAsync(talks, 4);
                primary.Pause();
                // The fault itself.
                await Task.Delay(TimeSpan.FromSeconds(seconds), TestContext.Current.CancellationToken);
                primary.Resume();
                await instances.WaitUntilReadyAsync();
            });
        }
        finally
        {
            primary.Resume();
            await instances.Redis.HoldFailoversAsync(false);
        }
        await AssertWholeAsync(talks, primary, channel);
        Assert.Equal(0, await instances.HeardByAsync(replica, talks.All[0].Group));
        foreach (var talk in talks.All)
        {
            Assert.Empty(talk.Left());
            // What was refused is not delivered after all. (Of a direct message it may only be unknown who got it.)
            var refused = talk.Said
                .Where(one => one.Error is not null && one.Id.StartsWith("group", StringComparison.Ordinal))
                .Select(one => one.Id);
            Assert.Empty(talk.Heard.Select(message => message.Text("msg")).Intersect(refused));
        }
    }

    private static async Task SaidAsync(Talks talks, int messages) => await Eventually.HoldsAsync(
        () => talks.All.All(talk => talk.Said.Count >= messages), "all talk", TimeSpan.FromSeconds(30));

    /// <summary>
    /// Everybody is there, messages arrive, and of those before each was refused, or acknowledged by who heard it.
    /// </summary>
    private async Task AssertWholeAsync(Talks talks, RedisServer owner, string channel)
    {
        Assert.Equal(owner, await instances.Redis.OwnerAsync(channel));
        foreach (var talk in talks.All)
        {
            // What comes late out of a server that stood still is dropped, and told as a gap; and an instance may be
            // about to notice.
            await Eventually.HoldsAsync(
                async () => await talk.IsHeardAsync("group") && await talk.IsHeardAsync("direct")
                    && talk.Said[^2] is { Error: null, Instances: 2 } && talk.Said[^1] is { Error: null, Instances: 1 },
                "messages arrive again, and are acknowledged by who hears them",
                state: () => string.Join(", ", talk.Said.TakeLast(4)));
            await talk.ListenUntilNowAsync();

            Assert.All(talk.Said, one => Assert.True(one.Error is "backplane_unavailable" || one.Instances > 0, $"{one}"));
            Assert.Empty(talk.LostInSilence());
            Assert.Equal(talk.Members, (await instances.MembersAsync(talk.Group)).Order());
            Assert.Equal(2, (await Roster.OfAsync(talk.Listener)).Total);
        }
        Assert.Equal(2, await instances.HeardByAsync(owner, talks.All[0].Group));
        Assert.All(talks.All, talk => Assert.False(talk.Listener.HasEnded));
    }
}

/// <summary>With a replica that the connection string names.</summary>
[Collection(nameof(Alone))]
public sealed class RedisReplicaTests(TwoInstancesOn<PrimaryAndReplica> instances)
    : RedisFormTests<PrimaryAndReplica>(instances), IClassFixture<TwoInstancesOn<PrimaryAndReplica>>;

/// <summary>Behind Sentinels.</summary>
[Collection(nameof(Alone))]
public sealed class RedisSentinelTests(TwoInstancesOn<BehindSentinels> instances)
    : RedisFormTests<BehindSentinels>(instances), IClassFixture<TwoInstancesOn<BehindSentinels>>;

/// <summary>On a cluster of three primaries and three replicas.</summary>
[Collection(nameof(Alone))]
public sealed class RedisClusterTests(TwoInstancesOn<ThreeShards> instances)
    : RedisFormTests<ThreeShards>(instances), IClassFixture<TwoInstancesOn<ThreeShards>>;
