using Aether.Domain;
using Aether.Infrastructure.Redis.Connections;
using Aether.Infrastructure.Redis.Subscriptions;

namespace Aether.Infrastructure.Redis.Health;

/// <summary>Says whether Redis can be believed that nobody hears a channel.</summary>
internal sealed class UnheardChannels(
    RedisConnection connection, RedisHealth health, RedisSlotMoves slotMoves, RedisNames names)
{
    /// <summary>
    /// Whether "nobody" can be believed. Where this very instance hears the channel it should have been counted itself,
    /// so it is deaf or the channel is elsewhere; and what it does not hear others may, who cannot be heard of now,
    /// who have yet to follow the channel to the server that has got its slot, or are not back from the same outage.
    /// </summary>
    /// <param name="channel">The channel.</param>
    /// <param name="heard">What this instance hears of it.</param>
    public bool AreUnheard(ChannelName channel, RedisSubscription? heard)
    {
        if (heard is not { IsClosed: false })
            return health.IsSettled && !HasMoved(channel);
        if (!connection.CountsEverybody)
            return health.IsReady;
        health.Doubt();
        return false;
    }

    private bool HasMoved(ChannelName channel) =>
        connection.Sharded == true
        && slotMoves.HasMoved(names.Channel(channel, sharded: true), RedisConnection.FollowTimeout);
}
