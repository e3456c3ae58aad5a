using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Aether.Application.Ports;
using Aether.Domain;

namespace Aether.Infrastructure.InMemory;

/// <summary>
/// The bus of a single process: a channel's sink is called by whoever publishes, who waits until there is room. The
/// sink is called before anything is awaited, so that messages keep the order in which they were published.
/// </summary>
internal sealed class InMemoryMessageBus : IMessageBus
{
    private readonly ConcurrentDictionary<ChannelName, IMessageSink> sinks = new();

    public string Description => "memory, this process alone";

    public bool IsReady => true;

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

    public Task<bool> SubscribeAsync(ChannelName channel, IMessageSink sink, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        sinks[channel] = sink;
        return Task.FromResult(true);
    }

    public Task UnsubscribeAsync(ChannelName channel, CancellationToken cancellationToken)
    {
        sinks.TryRemove(channel, out _);
        return Task.CompletedTask;
    }

    /// <summary>Who hears a channel, if anybody does.</summary>
    public bool TryGetSink(ChannelName channel, [NotNullWhen(true)] out IMessageSink? sink) =>
        sinks.TryGetValue(channel, out sink);

    private static async ValueTask<PublishResult> WaitAsync(ValueTask received)
    {
        await received.ConfigureAwait(false);
        return PublishResult.To(1);
    }
}
