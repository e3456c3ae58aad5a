using Aether.Application.Ports;
using Aether.Domain;
using Aether.Tests.Integration.Fixtures;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>
/// Slots of a cluster that move while messages are published: nothing is lost of which no gap tells, and nobody is told
/// that a message went to no instance where that is not known.
/// </summary>
public sealed class RedisSlotMoveTests(RedisCluster cluster) : IClassFixture<RedisCluster>, IAsyncLifetime
{
    private static readonly ChannelName Group = ChannelName.Group(Messages.Id("g"));
    private static readonly ChannelName Client = ChannelName.Client(Messages.Id("c"));
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);

    private readonly RecordingSink sink = new();
    private BusHost listener = null!;
    private BusHost speaker = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        listener = await BusHost.StartReadyAsync(cluster.ConnectionString);
        speaker = await BusHost.StartReadyAsync(cluster.ConnectionString);
    }

    public async ValueTask DisposeAsync()
    {
        await speaker.DisposeAsync();
        await listener.DisposeAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Move_LosesNothingSilently(bool ofAGroup)
    {
        var channel = ofAGroup ? Group : Client;
        await ListenAsync(channel);
        int slot = await SlotAsync(channel);

        await WhilePublishingAsync([channel], async () => await cluster.MoveAsync(slot, await OtherAsync(slot)));
    }

    [Fact]
    public async Task MoveAwayAndBackAtOnce_LosesNothingSilently()
    {
        await ListenAsync(Group);
        int slot = await SlotAsync(Group);
        var home = await cluster.OwnerAsync(slot);

        await WhilePublishingAsync(
            [Group],
            async () =>
            {
                for (int round = 0; round < 3; round++)
                {
                    await cluster.MoveAsync(slot, await OtherAsync(slot));
                    await cluster.MoveAsync(slot, home);
                }
            });
    }

    [Fact]
    public async Task Move_IsToldAndFollowed_GivenNobodyWhoPublishesUntilAfterwards()
    {
        await ListenAsync(Group);
        int slot = await SlotAsync(Group);

        await cluster.MoveAsync(slot, await OtherAsync(slot));

        await Eventually.HoldsAsync(() => sink.Gaps.Count > 0, Patience, () => Log(listener));
        await WhilePublishingAsync([Group], () => Task.CompletedTask);
    }

    [Fact]
    public async Task MovesOfManySlotsAtOnce_LoseNothingSilently()
    {
        var from = await cluster.OwnerAsync(await SlotAsync(Group));
        var to = (await cluster.PrimariesAsync()).First(node => node != from);
        var channels = new List<ChannelName>();
        for (int i = 0; channels.Count < 12; i++)
        {
            var channel = ChannelName.Client(Messages.Id("many" + i));
            if (await cluster.OwnerAsync(await SlotAsync(channel)) != from)
                continue;
            channels.Add(channel);
            await ListenAsync(channel);
        }

        await WhilePublishingAsync(
            [.. channels],
            async () =>
            {
                foreach (var channel in channels)
                    await cluster.MoveAsync(await SlotAsync(channel), to);
            });
    }

    [Fact]
    public async Task FailoverRightAfterAMove_LosesNothingSilently()
    {
        await ListenAsync(Group);
        await ListenAsync(Client);
        int slot = await SlotAsync(Group);
        var to = await OtherAsync(slot);
        var replica = await cluster.ReplicaOfAsync(to);
        try
        {
            await WhilePublishingAsync(
                [Group, Client],
                async () =>
                {
                    await cluster.MoveAsync(slot, to);
                    // Who has not heard of the slot does not take it over, and the cluster does not serve it any more.
                    await RedisCluster.WaitUntilKnownAsync(replica, slot, to);
                    await to.KillAsync();
                    await Eventually.HoldsAsync(() => !listener.Bus.IsReady, Patience);
                });
        }
        finally
        {
            await cluster.HealAsync();
        }
    }

    /// <summary>
    /// Publishes on channels, from the instance that hears them and from another, while something happens and until all
    /// of it arrives again.
    /// </summary>
    private async Task WhilePublishingAsync(ChannelName[] channels, Func<Task> happens)
    {
        NumberedTraffic[] all =
            [NumberedTraffic.Start(listener.Bus, channels), NumberedTraffic.Start(speaker.Bus, channels)];
        try
        {
            await Eventually.HoldsAsync(() => all.All(one => one.Count > channels.Length));
            await happens();
            foreach (var channel in channels)
            {
                foreach (var host in (BusHost[])[listener, speaker])
                {
                    await Eventually.HoldsAsync(
                        async () => await SayAsync(host, channel) == PublishResult.To(1), Patience, () => Log(host));
                }
            }
        }
        finally
        {
            foreach (var one in all)
                await one.StopAsync();
        }
        foreach (var one in all)
        {
            Assert.DoesNotContain(one.Results, result => result is { Accepted: true, Instances: 0 });
            await Eventually.HoldsAsync(
                () => one.LostSilently(sink).Count == 0,
                Patience,
                () => string.Join('\n', [.. one.LostSilently(sink).Take(5), Log(listener)]));
        }
    }

    private async Task ListenAsync(ChannelName channel) => await Eventually.HoldsAsync(
        async () => await listener.Bus.SubscribeAsync(channel, sink, Token), Patience, () => Log(listener));

    private static Task<PublishResult> SayAsync(BusHost host, ChannelName channel) => host.Bus.PublishAsync(
        channel,
        channel.Kind == ChannelKind.Group
            ? Messages.ToGroup(channel.Id.ToString(), "x") : Messages.ToClient(channel.Id.ToString(), group: null, "x"),
        Token).AsTask();

    private Task<int> SlotAsync(ChannelName channel) =>
        cluster.SlotAsync((channel.Kind == ChannelKind.Group ? "ws:group:" : "ws:client:") + channel.Id);

    private async Task<RedisServer> OtherAsync(int slot)
    {
        var owner = await cluster.OwnerAsync(slot);
        return (await cluster.PrimariesAsync()).First(node => node != owner);
    }

    private static string Log(BusHost host) => $"{host.Bus.Problem} {string.Join(" | ", host.Log.TakeLast(12))}";
}
