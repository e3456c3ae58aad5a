using Aether.Application.Ports;
using Aether.Domain;

namespace Aether.Infrastructure.InMemory;

/// <summary>
/// The bus of a single process: whoever publishes calls the channel's sink, and waits until there is room.
/// </summary>
internal sealed class InMemoryMessageBus(InMemoryChannels channels, InMemoryLeaseStore leases) : IMessageBus
{
    public string Description => "memory, this process alone";

    public bool IsReady => true;

    public ValueTask<PublishResult> PublishAsync(
        ChannelName channel, Message message, CancellationToken cancellationToken) =>
        message.Lease is { } claim && channel.Kind == ChannelKind.Group
            ? PublishUnderAsync(claim, channel, message, cancellationToken)
            : channels.PublishAsync(channel, message, cancellationToken);

    public Task<bool> SubscribeAsync(ChannelName channel, IMessageSink sink, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        channels.Subscribe(channel, sink);
        return Task.FromResult(true);
    }

    public Task UnsubscribeAsync(ChannelName channel, CancellationToken cancellationToken)
    {
        channels.Unsubscribe(channel);
        return Task.CompletedTask;
    }

    private ValueTask<PublishResult> PublishUnderAsync(
        LeaseClaim claim, ChannelName channel, Message message, CancellationToken cancellationToken)
    {
        // Begun is enough: the sink has it then, ahead of whatever the next holder says.
        Task<PublishResult>? published = null;
        return leases.TryUnder(
            channel.Id,
            claim,
            message.FromId,
            () => published = channels.PublishAsync(channel, message, cancellationToken).AsTask())
            ? new(published!)
            : new(PublishResult.StaleTerm);
    }
}
