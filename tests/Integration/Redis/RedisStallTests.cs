using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Domain;
using Aether.Tests.Integration.Fixtures;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>
/// That a Redis which stands still, in whatever way and however long, brings nothing afterwards whose sender was told that
/// it went nowhere.
/// </summary>
public sealed class RedisStallTests
{
    private static readonly ChannelName Group = ChannelName.Group(VisionId.Parse("g"));

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    // Not long enough that everything is noticed by then, but long enough that senders were told.
    [InlineData("STOP", 2_100)]
    [InlineData("STOP", 2_600)]
    [InlineData("STOP", 3_200)]
    // Everything is answered but what publishes.
    [InlineData("WRITE", 2_600)]
    [InlineData("WRITE", 4_000)]
    [InlineData("ALL", 3_200)]
    public async Task NothingIsDelivered_OfWhatSendersWereToldWentNowhere(string way, int stallMs)
    {
        await using var redis = await RedisServer.StartAsync();
        await using var one = await BusHost.StartReadyAsync(redis.ConnectionString);
        await using var two = await BusHost.StartReadyAsync(redis.ConnectionString);
        var sink = new TimedSink();
        Assert.True(await two.Bus.SubscribeAsync(Group, sink, Token));
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var toldNo = new ConcurrentDictionary<string, long>();
        var publishing = PublishAsync(one, toldNo, enough.Token);

        // Wherever in the seconds of the two instances it falls.
        for (int i = 0; i < 3; i++)
        {
            int before = sink.Received.Count;
            await Eventually.HoldsAsync(() => sink.Received.Count > before + 20, state: () => Log(one, two));
            await Task.Delay(i * 330, Token);
            await StallAsync(redis, way, stallMs);
            await Eventually.HoldsAsync(() => one.Bus.IsReady && two.Bus.IsReady, state: () => Log(one, two));
        }
        int last = sink.Received.Count;
        await Eventually.HoldsAsync(() => sink.Received.Count > last + 20, state: () => Log(one, two));
        await enough.CancelAsync();
        await publishing;

        Assert.NotEmpty(toldNo);
        Assert.DoesNotContain(toldNo, no => sink.Received.TryGetValue(no.Key, out long at) && at > no.Value);
        Assert.NotEmpty(sink.Gaps);
    }

    private static string Log(BusHost one, BusHost two) => string.Join(" | ", one.Log.Concat(two.Log));

    private static async Task StallAsync(RedisServer redis, string way, int ms)
    {
        if (way == "STOP")
        {
            redis.Pause();
            await Task.Delay(ms, Token);
            redis.Resume();
            return;
        }
        await redis.RunAsync("CLIENT", "PAUSE", ms.ToString(CultureInfo.InvariantCulture), way);
        await Task.Delay(ms, Token);
    }

    private static async Task PublishAsync(
        BusHost host, ConcurrentDictionary<string, long> toldNo, CancellationToken cancellationToken)
    {
        var all = new List<Task>();
        for (int i = 0; !cancellationToken.IsCancellationRequested; i++)
        {
            all.Add(SayAsync(i.ToString(CultureInfo.InvariantCulture)));
            await Task.Delay(2, CancellationToken.None);
        }
        await Task.WhenAll(all);

        async Task SayAsync(string text)
        {
            var result = await host.Bus.PublishAsync(
                Group,
                new Message
                {
                    Type = MessageType.Msg,
                    Target = Target.Group,
                    FromId = VisionId.Parse("c"),
                    GroupId = Group.Id,
                    Msg = text,
                    Payload = ServerMessages.EmptyPayload,
                    SentAt = DateTime.UtcNow,
                },
                CancellationToken.None);
            if (!result.Accepted)
                toldNo[text] = Stopwatch.GetTimestamp();
        }
    }

    private sealed class TimedSink : IMessageSink
    {
        public ConcurrentDictionary<string, long> Received { get; } = new();

        public ConcurrentQueue<DateTime> Gaps { get; } = new();

        public bool TryReceive(ChannelName channel, Message message) =>
            Received.TryAdd(message.Msg!, Stopwatch.GetTimestamp());

        public ValueTask ReceiveAsync(ChannelName channel, Message message, CancellationToken cancellationToken)
        {
            TryReceive(channel, message);
            return default;
        }

        public Task RepairAsync(DateTime since, bool othersMayBeMissing, CancellationToken cancellationToken)
        {
            Gaps.Enqueue(since);
            return Task.CompletedTask;
        }
    }
}
