using Aether.Application.Legacy;

namespace Aether.Infrastructure.InMemory;

/// <summary>V1: what legacy clients say stays in this process.</summary>
internal sealed class InMemoryLegacyBus : ILegacyBus
{
    private volatile ILegacySink? sink;

    public ValueTask<bool> PublishAsync(LegacyMessage message, CancellationToken cancellationToken)
    {
        var received = sink?.ReceiveAsync(message, cancellationToken) ?? default;
        return received.IsCompletedSuccessfully ? new(true) : WaitAsync(received);
    }

    public Task<bool> SubscribeAsync(ILegacySink sink, CancellationToken cancellationToken)
    {
        this.sink = sink;
        return Task.FromResult(true);
    }

    public Task UnsubscribeAsync(CancellationToken cancellationToken)
    {
        sink = null;
        return Task.CompletedTask;
    }

    private static async ValueTask<bool> WaitAsync(ValueTask received)
    {
        await received.ConfigureAwait(false);
        return true;
    }
}
