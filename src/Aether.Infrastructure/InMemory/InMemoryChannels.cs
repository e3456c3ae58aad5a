using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Aether.Application.Ports;
using Aether.Domain;

namespace Aether.Infrastructure.InMemory;

/// <summary>
/// Who hears which channel within one process. A sink is called by whoever publishes, before anything is awaited, so that
/// messages keep the order in which they were published.
/// </summary>
internal sealed class InMemoryChannels
{
    private readonly ConcurrentDictionary<ChannelName, IMessageSink> sinks = new();

    /// <summary>Lets a sink hear a channel, in place of the one that did.</summary>
    public void Subscribe(ChannelName channel, IMessageSink sink) => sinks[channel] = sink;

    /// <summary>Ends that.</summary>
    public void Unsubscribe(ChannelName channel) => sinks.TryRemove(channel, out _);

    /// <summary>Who hears a channel, if anybody does.</summary>
    public bool TryGetSink(ChannelName channel, [NotNullWhen(true)] out IMessageSink? sink) =>
        sinks.TryGetValue(channel, out sink);

    /// <summary>Publishes a message; completes when there was room for it.</summary>
    public ValueTask<PublishResult> PublishAsync(
        ChannelName channel, Message message, CancellationToken cancellationToken)
    {
        if (!sinks.TryGetValue(channel, out var sink))
            return new(PublishResult.To(0));
        var received = sink.ReceiveAsync(channel, message, cancellationToken);
        if (!received.IsCompletedSuccessfully)
            return WaitAsync(received);
        received.GetAwaiter().GetResult();
        return new(PublishResult.To(1));
    }

    private static async ValueTask<PublishResult> WaitAsync(ValueTask received)
    {
        await received.ConfigureAwait(false);
        return PublishResult.To(1);
    }
}
