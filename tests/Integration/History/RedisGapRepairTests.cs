using Aether.Application.Ports;
using Aether.Domain;
using Aether.Tests.Integration.Fixtures;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>What makes up for missed messages has its turn before the bus is ready.</summary>
public sealed class RedisGapRepairTests
{
    private static readonly ChannelName Group = ChannelName.Group(Messages.Id("g"));
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Outage_WaitsForTheRepair_BeforeTheBusIsReady()
    {
        await using var redis = await RedisServer.StartAsync();
        var repair = new HeldRepair();
        await using var host = await BusHost.StartReadyAsync(redis.ConnectionString);
        Assert.True(await host.Bus.SubscribeAsync(Group, repair, Token));
        var before = DateTime.UtcNow;

        await redis.RestartAsync();
        var since = await repair.Called.WaitAsync(Patience, Token);

        Assert.InRange(since, before - TimeSpan.FromSeconds(30), DateTime.UtcNow);
        Assert.False(host.Bus.IsReady);
        Assert.True(repair.OthersMayBeMissing);
        Assert.True(repair.WasDoubted, "what the new server says is not taken for what the old one had");
        Assert.Equal("ws:group:g\n1", await redis.RunAsync("PUBSUB", "NUMSUB", "ws:group:g"));
        repair.Release();
        await Eventually.HoldsAsync(() => host.Bus.IsReady, Patience, () => host.Bus.Problem ?? "");
    }

    [Fact]
    public async Task Outage_IsRecoveredFromAnew_GivenARepairThatFails()
    {
        await using var redis = await RedisServer.StartAsync();
        var repair = new HeldRepair { Failures = 2 };
        repair.Release();
        await using var host = await BusHost.StartReadyAsync(redis.ConnectionString);
        Assert.True(await host.Bus.SubscribeAsync(Group, repair, Token));

        await redis.RestartAsync();

        await Eventually.HoldsAsync(() => repair.Calls >= 3, Patience, () => host.Bus.Problem ?? "");
        await Eventually.HoldsAsync(() => host.Bus.IsReady, Patience, () => host.Bus.Problem ?? "");
    }

    /// <summary>One whose repair ends when it is let go, and fails as often as it is told to.</summary>
    private sealed class HeldRepair : IMessageSink
    {
        private readonly TaskCompletionSource<DateTime> called = new();
        private readonly TaskCompletionSource released = new();
        private int calls;

        public int Failures { get; init; }

        public int Calls => Volatile.Read(ref calls);

        public Task<DateTime> Called => called.Task;

        public bool OthersMayBeMissing { get; private set; }

        public bool WasDoubted { get; private set; }

        public void Release() => released.TrySetResult();

        public bool TryReceive(ChannelName channel, Message message) => true;

        public ValueTask ReceiveAsync(ChannelName channel, Message message, CancellationToken cancellationToken) => default;

        public void Doubt() => WasDoubted |= Calls == 0;

        public Task RepairAsync(DateTime since, bool othersMayBeMissing, CancellationToken cancellationToken)
        {
            OthersMayBeMissing = othersMayBeMissing;
            called.TrySetResult(since);
            return Interlocked.Increment(ref calls) <= Failures
                ? Task.FromException(new InvalidOperationException("cannot look"))
                : released.Task.WaitAsync(cancellationToken);
        }
    }
}
