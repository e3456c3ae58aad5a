using Aether.Application;
using Aether.Domain;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace Aether.Infrastructure.Redis;

/// <summary>
/// Every key and channel in Redis. All start with <c>ws:</c>, after the optional prefix. Ids are Vision IDs, so that a name
/// can never be a pattern, and braces appear only where they tie the keys of one group to one slot.
/// </summary>
internal sealed class RedisNames(IOptions<RealtimeOptions> options)
{
    private readonly string root = options.Value.Redis.Prefix + "ws:";

    /// <summary>Sorted set: instance incarnation → end of its lease, in ms by Redis's clock.</summary>
    public RedisKey Leases => root + "leases";

    /// <summary>Set: the client ids that are present in a group.</summary>
    public RedisKey Members(VisionId group) => root + "members:{" + group.Value + "}";

    /// <summary>Hash: client id → who holds it, its role, its state and its times.</summary>
    public RedisKey Holders(VisionId group) => root + "holders:{" + group.Value + "}";

    /// <summary>Set: the client ids that one instance incarnation holds in a group.</summary>
    public RedisKey Held(VisionId group, string incarnation) => root + "held:{" + group.Value + "}:" + incarnation;

    /// <summary>Set: the groups that one instance incarnation holds members in.</summary>
    public RedisKey Groups(string incarnation) => root + "groups:" + incarnation;

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
