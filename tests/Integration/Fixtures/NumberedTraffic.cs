using System.Collections.Concurrent;
using Aether.Application.Ports;
using Aether.Domain;

namespace Aether.Tests.Integration.Fixtures;

/// <summary>
/// Publishes numbered messages on some channels, one after the other, and knows which of them were lost without a word.
/// </summary>
internal sealed class NumberedTraffic
{
    private readonly CancellationTokenSource ending = new();
    private readonly ConcurrentQueue<Numbered> sent = new();
    private readonly string name = Guid.NewGuid().ToString("N");
    private readonly Task publishing;

    private NumberedTraffic(IMessageBus bus, ChannelName[] channels) => publishing = PublishAsync(bus, channels);

    public int Count => sent.Count;

    public IReadOnlyList<PublishResult> Results => [.. sent.Select(one => one.Result)];

    /// <summary>Starts to publish, and goes on until it is stopped.</summary>
    public static NumberedTraffic Start(IMessageBus bus, params ChannelName[] channels) => new(bus, channels);

    public async Task StopAsync()
    {
        await ending.CancelAsync();
        await publishing;
        ending.Dispose();
    }

    /// <summary>
    /// What was accepted and has not come, and of which no gap told. Those still on their way count until they are there.
    /// </summary>
    public IReadOnlyList<string> LostSilently(RecordingSink sink)
    {
        var received = sink.Received.Select(one => (one.Channel, one.Message.Msg)).ToHashSet();
        var gaps = sink.GapsTold;
        return
        [
            .. sent.Where(one => one.Result.Accepted
                    && !received.Contains((one.Channel, one.Text))
                    && !gaps.Any(gap => gap.Since <= one.At && gap.Told >= one.At))
                .Select(one => $"{one.Channel.Id} {one.At:O} {one.Result}"),
        ];
    }

    private async Task PublishAsync(IMessageBus bus, ChannelName[] channels)
    {
        for (int i = 0; !ending.IsCancellationRequested; i++)
        {
            var channel = channels[i % channels.Length];
            string text = $"{name} {i}", id = channel.Id.ToString();
            var message = channel.Kind == ChannelKind.Group
                ? Messages.ToGroup(id, text) : Messages.ToClient(id, group: null, text);
            var at = DateTime.UtcNow;
            var result = await bus.PublishAsync(channel, message, CancellationToken.None);
            sent.Enqueue(new Numbered(channel, text, at, result));
            if (i % channels.Length == channels.Length - 1)
                await Task.Delay(1, CancellationToken.None);
        }
    }

    private sealed record Numbered(ChannelName Channel, string Text, DateTime At, PublishResult Result);
}
