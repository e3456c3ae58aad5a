using Aether.Application;
using Aether.Domain;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace Aether.Infrastructure.Redis;

/// <summary>
/// Every key and channel in Redis. All start with <c>ws:</c>, after the optional prefix. Ids are Vision IDs, so that a
/// name can never be a pattern, and braces appear only where they tie the keys of one group to one slot.
/// </summary>
internal sealed class RedisNames(IOptions<RealtimeOptions> options)
{
    private readonly string prefix = options.Value.Redis.Prefix;
    private readonly string root = options.Value.Redis.Prefix + "ws:";

    /// <summary>Sorted set: instance incarnation → end of its lease, in ms by Redis's clock.</summary>
    public RedisKey Leases => root + "leases";

    /// <summary>Set: the client ids that are present in a group.</summary>
    public RedisKey Members(VisionId group) => root + "members:{" + group.Value + "}";

    /// <summary>
    /// Hash: client id → connections on all instances, role, its time, joined, the state's time; beside it
    /// <c>id:seen</c> → last sign of life, and <c>id:state</c> → what the client says of itself. Times are ms by
    /// Redis's clock. An id holds no colon, so the fields cannot meet.
    /// </summary>
    public RedisKey Holders(VisionId group) => root + "holders:{" + group.Value + "}";

    /// <summary>Hash: client id → how many of its connections in a group one instance incarnation holds.</summary>
    public RedisKey Held(VisionId group, string incarnation) => root + "held:{" + group.Value + "}:" + incarnation;

    /// <summary>Set: the groups that one instance incarnation holds members in.</summary>
    public RedisKey Groups(string incarnation) => root + "groups:" + incarnation;

    /// <summary>The one channel of V2. No name of V3 is like it, and nothing of V3 goes through it.</summary>
    public RedisChannel Legacy => RedisChannel.Literal(prefix + "channel:ws");

    /// <summary>The channel as Redis knows it; sharded on a cluster.</summary>
    public RedisChannel Channel(ChannelName channel, bool sharded)
    {
        string name = Text(channel);
        return sharded ? RedisChannel.Sharded(name) : RedisChannel.Literal(name);
    }

    /// <summary>The channel on which one instance hears nobody but itself, to know that it hears at all.</summary>
    public RedisChannel Probe(string instance, bool sharded) =>
        sharded ? RedisChannel.Sharded(root + "probe:" + instance) : RedisChannel.Literal(root + "probe:" + instance);

    private string Text(ChannelName channel) => channel.Kind switch
    {
        ChannelKind.Client => root + "client:" + channel.Id.Value,
        ChannelKind.Group => root + "group:" + channel.Id.Value,
        _ => root + "broadcast",
    };
}
