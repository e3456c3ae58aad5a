using Aether.Application.Ports;
using Aether.Domain;
using Aether.Tests.Integration.Fixtures;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>A cluster whose slots move and whose primaries die.</summary>
public sealed class RedisClusterTests(RedisCluster cluster) : IClassFixture<RedisCluster>
{
    private static readonly ChannelName Group = ChannelName.Group(Messages.Id("g"));
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task SlotMove_IsToldAsAGapAndNeverAcknowledgedAsUnheard_GivenTraffic()
    {
        await using var one = await BusHost.StartReadyAsync(cluster.ConnectionString);
        var sink = new RecordingSink();
        Assert.True(await one.Bus.SubscribeAsync(Group, sink, Token));
        int slot = await cluster.SlotAsync("ws:group:g");

        for (int round = 0; round < 4; round++)
        {
            int gaps = sink.Gaps.Count;
            using var ending = new CancellationTokenSource();
            var publishing = PublishUntilAsync(one, ending.Token);
            var from = await cluster.OwnerAsync(slot);
            var to = (await cluster.PrimariesAsync()).First(node => node != from);
            await cluster.MoveAsync(slot, to);

            await Eventually.HoldsAsync(() => sink.Gaps.Count > gaps, Patience, () => $"round {round}");
            await Eventually.HoldsAsync(
                async () => await to.RunAsync("PUBSUB", "SHARDNUMSUB", "ws:group:g") == "ws:group:g\n1", Patience);
            await Eventually.HoldsAsync(() => one.Bus.IsReady, Patience);
            await ending.CancelAsync();
            Assert.DoesNotContain(await publishing, result => result is { Accepted: true, Instances: 0 });
            int before = sink.Count;
            await Eventually.HoldsAsync(
                async () => (await SayAsync(one)) == PublishResult.To(1), Patience);
            await Eventually.HoldsAsync(() => sink.Count > before);
        }
    }

    [Fact]
    public async Task Failover_RefusesWhatItCannotVerify_AndComesBackWhole()
    {
        await using var one = await BusHost.StartReadyAsync(cluster.ConnectionString);
        var sink = new RecordingSink();
        ChannelName[] channels =
            [.. Enumerable.Range(0, 60).Select(i => ChannelName.Client(Messages.Id("f" + i))), Group];
        foreach (var channel in channels)
            Assert.True(await one.Bus.SubscribeAsync(channel, sink, Token));
        var primary = await cluster.OwnerAsync(await cluster.SlotAsync("ws:group:g"));
        var replica = await cluster.ReplicaOfAsync(primary);
        using var ending = new CancellationTokenSource();
        var publishing = PublishUntilAsync(one, ending.Token);
        try
        {
            await primary.KillAsync();

            await Eventually.HoldsAsync(() => !one.Bus.IsReady, Patience);
            await Eventually.HoldsAsync(
                () => one.Bus.IsReady,
                Patience,
                () => $"{one.Bus.Problem} {string.Join(" | ", one.Log.TakeLast(8))}");
            Assert.Equal(
                "ws:group:g\n1", await replica.RunAsync("PUBSUB", "SHARDNUMSUB", "ws:group:g"));
            foreach (var channel in channels)
            {
                Assert.Equal(
                    PublishResult.To(1), await one.Bus.PublishAsync(channel, Messages.ToGroup("g", "x"), Token));
            }
            Assert.NotEmpty(sink.Gaps);
        }
        finally
        {
            await ending.CancelAsync();
            await publishing;
            await cluster.HealAsync();
        }
        Assert.DoesNotContain(await publishing, result => result is { Accepted: true, Instances: 0 });
    }

    private static Task<PublishResult> SayAsync(BusHost host) =>
        host.Bus.PublishAsync(Group, Messages.ToGroup("g", "x"), Token).AsTask();

    private static async Task<List<PublishResult>> PublishUntilAsync(BusHost host, CancellationToken end)
    {
        var results = new List<PublishResult>();
        while (!end.IsCancellationRequested)
        {
            results.Add(await SayAsync(host));
            await Task.Delay(1, CancellationToken.None);
        }
        return results;
    }
}
