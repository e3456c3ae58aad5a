namespace Aether.Application.Legacy;

/// <summary>
/// Carries what V1 and V2 clients say: on one channel for everything, which is what V3 was made to replace, and yet
/// what instances of the old kind listen to. Adapters: Redis (V2) and memory (V1).
/// </summary>
internal interface ILegacyBus
{
    /// <summary>Publishes a message. Messages published one after the other arrive in that order.</summary>
    /// <returns>Whether the backplane took it.</returns>
    ValueTask<bool> PublishAsync(LegacyMessage message, CancellationToken cancellationToken);

    /// <summary>Starts to hear everything that V1 and V2 clients say anywhere.</summary>
    /// <returns>Whether it is live; if not, nothing is left behind.</returns>
    Task<bool> SubscribeAsync(ILegacySink sink, CancellationToken cancellationToken);

    /// <summary>Ends that.</summary>
    Task UnsubscribeAsync(CancellationToken cancellationToken);
}

/// <summary>Takes what a legacy bus hears. Nothing in it waits for a socket.</summary>
internal interface ILegacySink
{
    /// <summary>Takes a message, or answers <see langword="false"/> when there is no room.</summary>
    bool TryReceive(LegacyMessage message);

    /// <summary>Takes a message and completes when there was room for it.</summary>
    ValueTask ReceiveAsync(LegacyMessage message, CancellationToken cancellationToken);
}
