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

    /// <summary>
    /// Hash: client id → the last version that was given to what is told of it, and the empty field → the last one of
    /// the group. A key of its own: instances from before there were versions read all of the other one.
    /// </summary>
    public RedisKey Versions(VisionId group) => root + "versions:{" + group.Value + "}";

    /// <summary>Hash: client id → how many of its connections in a group one instance incarnation holds.</summary>
    public RedisKey Held(VisionId group, string incarnation) => root + "held:{" + group.Value + "}:" + incarnation;

    /// <summary>Set: the groups that one instance incarnation holds members in.</summary>
    public RedisKey Groups(string incarnation) => root + "groups:" + incarnation;

    /// <summary>
    /// String: what the instance of an incarnation tells of itself, as JSON. Ends by itself as the lease does.
    /// </summary>
    public RedisKey Instance(string incarnation) => root + "instance:" + incarnation;

    /// <summary>
    /// Stream: the messages that a channel keeps. Its ids are their numbers; each entry is <c>m</c>, the message as it was
    /// published, and <c>t</c>, when, in ms by Redis's clock. A channel's name is hashed as a whole, and so is what
    /// stands in braces: the three keys of a channel's history are in the slot that it is published in.
    /// </summary>
    public RedisKey Stream(ChannelName channel) => root + "history:{" + Text(channel) + "}";

    /// <summary>Hash: <c>e</c>, the epoch of a channel's stream, and <c>s</c>, how many messages were kept in it.</summary>
    public RedisKey Place(ChannelName channel) => root + "place:{" + Text(channel) + "}";

    /// <summary>String: the position of the message that a sender sent to a channel with an id.</summary>
    public RedisKey Sent(ChannelName channel, VisionId from, string id) =>
        root + "sent:{" + Text(channel) + "}:" + from.Value + ":" + id;

    /// <summary>
    /// Hash: for each lease of a group <c>name:h</c>, its holder, <c>name:t</c>, its term, <c>name:l</c>, for how long a
    /// renewal is good, and <c>name:e</c>, when it ends, both in ms by Redis's clock. In the slot of the group's channel.
    /// </summary>
    public RedisKey LeasesOf(VisionId group) => root + "lease:{" + Text(ChannelName.Group(group)) + "}";

    /// <summary>
    /// Sorted set: groups by when something is due in one of their commands, in ms by Redis's clock. In a slot of its own.
    /// </summary>
    public RedisKey DueGroups => root + "due";

    /// <summary>
    /// Sorted set: the commands of a group by when they began. Behind it, with a colon and an end, those that ended so.
    /// </summary>
    public RedisKey Commands(VisionId group) => OfCommands("commands", group);

    /// <summary>Sorted set: those that run, by when something is due in them, in ms by Redis's clock.</summary>
    public RedisKey RunningCommands(VisionId group) => OfCommands("running", group);

    /// <summary>Sorted set: those that ended, as <c>status:id</c>, by until when they are kept.</summary>
    public RedisKey EndedCommands(VisionId group) => OfCommands("ended", group);

    /// <summary>
    /// Hash: what was ordered, the plan and the state of a command. With an empty id how the keys of all begin: a script
    /// that goes through the commands of a group puts their ids behind it.
    /// </summary>
    public RedisKey Command(VisionId group, string id) => OfCommands("command", group, id);

    /// <summary>Hash: the executions of a command by their index, and beside each what its member said.</summary>
    public RedisKey Executions(VisionId group, string id) => OfCommands("executions", group, id);

    /// <summary>Hash: the index of the execution that a member of a command has.</summary>
    public RedisKey ExecutionPlaces(VisionId group, string id) => OfCommands("places", group, id);

    /// <summary>Sorted set: the executions of a command by when something has to be done about them.</summary>
    public RedisKey ExecutionTimers(VisionId group, string id) => OfCommands("timers", group, id);

    /// <summary>Sorted set: the executions of a command by the version of their last change.</summary>
    public RedisKey ChangedExecutions(VisionId group, string id) => OfCommands("changed", group, id);

    /// <summary>String: the command that became of what a giver asked for under a name of its own.</summary>
    public RedisKey Asked(VisionId group, VisionId from, string requestId) =>
        OfCommands("asked", group, from.Value + ":" + requestId);

    /// <summary>How all keys of the requests of a group begin.</summary>
    public RedisKey AskedIn(VisionId group) => OfCommands("asked", group, "");

    /// <summary>
    /// Sorted set: <c>group:lease</c> → when it may end, never later than it does, in ms by Redis's clock. In a slot of
    /// its own.
    /// </summary>
    public RedisKey LeaseEnds => root + "ends";

    /// <summary>
    /// Stream: what was revoked, each entry <c>jti</c>, or <c>sub</c> and <c>issued_before</c>, and <c>t</c>, when it was
    /// revoked, both in ms, the latter by Redis's clock. One for all, in a slot of its own.
    /// </summary>
    public RedisKey Revocations => root + "revocations";

    /// <summary>The one channel of V2. No name of V3 is like it, and nothing of V3 goes through it.</summary>
    public RedisChannel Legacy => RedisChannel.Literal(prefix + "channel:ws");

    /// <summary>The channel as Redis knows it; sharded on a cluster.</summary>
    public RedisChannel Channel(ChannelName channel, bool sharded)
    {
        string name = Text(channel);
        return sharded ? RedisChannel.Sharded(name) : RedisChannel.Literal(name);
    }

    /// <summary>A key in the slot of a sharded channel, and so on the server that it is published on.</summary>
    public static RedisKey KeyBeside(RedisChannel channel) => channel.ToString();

    /// <summary>The channel on which one instance hears nobody but itself, to know that it hears at all.</summary>
    public RedisChannel Probe(string instance, bool sharded) =>
        sharded ? RedisChannel.Sharded(root + "probe:" + instance) : RedisChannel.Literal(root + "probe:" + instance);

    /// <summary>The channels of one kind, as an ACL names them.</summary>
    public string Pattern(ChannelKind kind) => kind switch
    {
        ChannelKind.Client => root + "client:*",
        ChannelKind.Group => root + "group:*",
        ChannelKind.Trace => root + "trace:*",
        ChannelKind.Broadcast => root + "broadcast",
    };

    /// <summary>All channels of V3, as an ACL names them.</summary>
    public IEnumerable<string> Patterns =>
    [
        Pattern(ChannelKind.Client), Pattern(ChannelKind.Group), Pattern(ChannelKind.Broadcast),
        Pattern(ChannelKind.Trace), root + "probe:*",
    ];

    /// <summary>
    /// The keys of one kind, as an ACL names them, and one of them that belongs to nobody: no id holds a dot.
    /// </summary>
    public (string Pattern, string Key) Trial(string kind) => kind switch
    {
        "leases" or "due" or "ends" or "revocations" => (root + kind, root + kind),
        "held" => (root + "held:*", root + "held:{aether.}:aether."),
        "groups" or "instance" => (root + kind + ":*", root + kind + ":aether."),
        _ => (root + kind + ":*", root + kind + ":{aether.}"),
    };

    /// <summary>A channel like a client's that no client has: to try what may be done with it.</summary>
    public RedisChannel Trial(string instance, bool sharded) => sharded
        ? RedisChannel.Sharded(root + "client:aether." + instance)
        : RedisChannel.Literal(root + "client:aether." + instance);

    // In the slot of the group's channel, as its leases are.
    private string OfCommands(string kind, VisionId group) => root + kind + ":{" + Text(ChannelName.Group(group)) + "}";

    private string OfCommands(string kind, VisionId group, string id) => OfCommands(kind, group) + ":" + id;

    private string Text(ChannelName channel) => channel.Kind switch
    {
        ChannelKind.Client => root + "client:" + channel.Id.Value,
        ChannelKind.Group => root + "group:" + channel.Id.Value,
        ChannelKind.Trace => root + "trace:" + channel.Id.Value,
        ChannelKind.Broadcast => root + "broadcast",
    };
}
