using System.Text.Json;
using Aether.Domain;
using Aether.Domain.Commands;

namespace Aether.Application.Wire;

/// <summary>What the server says itself. Every such message is made here.</summary>
internal sealed class ServerMessages(TimeProvider time)
{
    /// <summary>The empty JSON object.</summary>
    public static readonly ReadOnlyMemory<byte> EmptyPayload = "{}"u8.ToArray();

    /// <summary>A message was published, and so many instances heard it; or it was before.</summary>
    public Message Ack(VisionId client, VisionId group, string id, Outcome outcome)
    {
        ArgumentNullException.ThrowIfNull(outcome);
        return ToClient(client, group, ServerCommands.Ack, PayloadWriter.Write(w =>
        {
            w.WriteString("status"u8, StatusOf(outcome));
            w.WriteNumber("instances"u8, outcome.Instances);
            if (!outcome.Position.IsEmpty)
                w.WriteString("pos"u8, outcome.Position.ToString());
        })) with
        { ReplyTo = id };
    }

    /// <summary>What became of a message that was taken, in a word.</summary>
    public static string StatusOf(Outcome outcome)
    {
        ArgumentNullException.ThrowIfNull(outcome);
        return outcome.IsDuplicate ? "duplicate" : "published";
    }

    /// <summary>The answer to what a client asked the server.</summary>
    /// <param name="client">The client.</param>
    /// <param name="group">The group of that client.</param>
    /// <param name="id">The id of its question.</param>
    /// <param name="payload">The answer, a JSON object in UTF-8.</param>
    public Message Reply(VisionId client, VisionId group, string id, ReadOnlyMemory<byte> payload) =>
        ToClient(client, group, ServerCommands.Reply, payload) with { ReplyTo = id };

    /// <summary>A message was not taken.</summary>
    /// <param name="client">The client that sent it.</param>
    /// <param name="group">The group of that client.</param>
    /// <param name="rejection">Why.</param>
    /// <param name="id">The id of the message, if it had one.</param>
    public Message Error(VisionId client, VisionId group, Rejection rejection, string? id) =>
        ToClient(client, group, ServerCommands.Error, PayloadWriter.Write(w =>
        {
            w.WriteString("code"u8, rejection.Code.Name);
            w.WriteBoolean("retryable"u8, rejection.Code.Retryable);
            if (rejection.RetryAfter is { } after)
                w.WriteNumber("retry_after_ms"u8, (long)Math.Ceiling(after.TotalMilliseconds));
            if (rejection.Field is { } field)
                w.WriteString("field"u8, field);
            if (!rejection.Holder.IsEmpty)
                w.WriteString("holder"u8, rejection.Holder.Value);
        })) with
        { Msg = rejection.Text, ReplyTo = id };

    /// <summary>Messages of these types may have been missed since then (UTC).</summary>
    public Message Gap(VisionId client, VisionId group, DateTime since, GapTypes types) =>
        ToClient(client, group, ServerCommands.Gap, PayloadWriter.Write(w =>
        {
            w.WriteString("since"u8, since);
            w.WriteStartArray("types"u8);
            if (types.HasFlag(GapTypes.Cmd))
                w.WriteStringValue(WireNames.Types[MessageType.Cmd]);
            if (types.HasFlag(GapTypes.Msg))
                w.WriteStringValue(WireNames.Types[MessageType.Msg]);
            if (types.HasFlag(GapTypes.Presence))
                w.WriteStringValue(WireNames.Types[MessageType.Presence]);
            w.WriteEndArray();
        }));

    /// <summary>What was missed of the channels that a connection asked for has been sent, or is lost.</summary>
    internal Message Recovered(
        VisionId client, VisionId group, IEnumerable<(ChannelKind Kind, RecoveredChannel Found)> channels) =>
        ToClient(client, group, ServerCommands.Recovered, PayloadWriter.Write(w =>
        {
            foreach (var (kind, found) in channels)
            {
                w.WriteStartObject(HistoryWriter.NameOf(kind));
                w.WriteString("status"u8, found.Lost is null ? "recovered" : "lost");
                w.WriteNumber("count"u8, found.Count);
                if (found.Lost is { } why)
                    w.WriteString("reason"u8, HistoryWriter.NameOf(why));
                w.WriteEndObject();
            }
        }));

    /// <summary>What changed in a command that a client watches.</summary>
    public Message CommandEvent(VisionId client, VisionId group, ReadOnlyMemory<byte> payload) =>
        ToClient(client, group, ServerCommands.CommandEvent, payload);

    /// <summary>Asks a member to stop.</summary>
    public Message ExecutionCancel(VisionId client, VisionId group, string execution, int attempt) =>
        ToClient(client, group, ServerCommands.ExecutionCancel, PayloadWriter.Write(w => w.WriteNumber("attempt"u8, attempt))) with
        {
            ReplyTo = execution,
        };

    /// <summary>What a member said of its execution was taken.</summary>
    public Message ExecutionTaken(VisionId client, VisionId group, string id, Transition taken) =>
        Reply(client, group, id, PayloadWriter.Write(w =>
        {
            w.WriteString("status"u8, taken.Status.ToWire());
            w.WriteBoolean("cancel"u8, taken.IsCanceled);
        }));

    /// <summary>Tells the instances which connections of a client have to go.</summary>
    public Message Disconnect(VisionId client, VisionId group, string? supersededBy) =>
        ToClient(client, group, ServerCommands.Disconnect, PayloadWriter.Write(w =>
        {
            if (supersededBy is not null)
                w.WriteString("superseded_by"u8, supersededBy);
        }));

    /// <summary>Asks the instances that hold connections of a client to say its role.</summary>
    public Message AskRole(VisionId client, VisionId group) =>
        ToClient(client, group, ServerCommands.Role, PayloadWriter.Write(static _ => { }));

    /// <summary>Asks the instances to tell what a client sends and is sent, for so long.</summary>
    public Message Trace(VisionId trace, VisionId group, VisionId client, TimeSpan lease) =>
        ToClient(client, group, ServerCommands.Trace, PayloadWriter.Write(w =>
        {
            w.WriteString("trace_id"u8, trace.Value);
            w.WriteNumber("for_ms"u8, (long)lease.TotalMilliseconds);
        }));

    /// <summary>One thing that a traced client did, or that was done to it.</summary>
    public Message Traced(VisionId trace, VisionId group, ReadOnlyMemory<byte> told) =>
        ToClient(trace, group, ServerCommands.Traced, told);

    /// <summary>The first frame of the full profile.</summary>
    public Message Welcome(VisionId client, VisionId group, in Welcome welcome)
    {
        var (connection, instance, heartbeat, maxBytes, perSecond, burst, permissions, positions, kept, expires) = welcome;
        var now = Now;
        return ToClient(client, group, ServerCommands.Welcome, PayloadWriter.Write(w =>
        {
            w.WriteString("connection_id"u8, connection);
            w.WriteString("instance_id"u8, instance);
            w.WriteString("server_time"u8, now);
            w.WriteNumber("heartbeat_interval_ms"u8, (long)heartbeat.TotalMilliseconds);
            w.WriteNumber("max_message_bytes"u8, maxBytes);
            w.WriteStartObject("rate_limit"u8);
            w.WriteNumber("per_second"u8, perSecond);
            w.WriteNumber("burst"u8, burst);
            w.WriteEndObject();
            AccessWriter.Write(w, permissions, expires);
            if (positions is { } from)
                HistoryWriter.WritePositions(w, from);
            if (kept is not null)
                HistoryWriter.WriteKept(w, kept);
        }));
    }

    /// <summary>A client's token ends soon.</summary>
    /// <param name="client">The client.</param>
    /// <param name="group">Its group.</param>
    /// <param name="expiresAt">When (UTC).</param>
    public Message Expiring(VisionId client, VisionId group, DateTime expiresAt) =>
        ToClient(client, group, ServerCommands.Expiring, PayloadWriter.Write(w => AccessWriter.WriteEnd(w, expiresAt)));

    /// <summary>A client came to its group, went, or says something else of itself.</summary>
    /// <param name="group">The group.</param>
    /// <param name="member">The client as it is now, or was.</param>
    /// <param name="cmd"><c>join</c>, <c>leave</c> or <c>update</c>.</param>
    /// <param name="reason">Why it went, if there is more to say than that it closed.</param>
    public Message PresenceEvent(VisionId group, Member member, string cmd, string? reason = null) => new()
    {
        Type = MessageType.Presence,
        Target = Target.Group,
        FromId = member.ClientId,
        GroupId = group,
        Cmd = cmd,
        Payload = PayloadWriter.Write(w =>
        {
            MemberWriter.WriteStanding(w, member);
            MemberWriter.WriteVersion(w, member);
            if (reason is not null)
                w.WriteString("reason"u8, reason);
        }),
        SentAt = Now,
    };

    /// <summary>Many clients came to a large group or went: first all of them left, then all of them joined.</summary>
    public Message PresenceChanges(
        VisionId group, IEnumerable<Member> joined, IEnumerable<(Member Member, string? Reason)> left) => new()
        {
            Type = MessageType.Presence,
            Target = Target.Group,
            FromId = VisionId.Server,
            GroupId = group,
            Cmd = ServerCommands.Changes,
            Payload = PayloadWriter.Write(w =>
            {
                WriteNames(w, "joined"u8, joined.Select(static member => (member, (string?)null)));
                WriteNames(w, "left"u8, left);
            }),
            SentAt = Now,
        };

    /// <summary>A lease of a group went to somebody, or to nobody.</summary>
    /// <param name="group">The group.</param>
    /// <param name="lease">The lease as it is now, a JSON object in UTF-8.</param>
    public Message LeaseEvent(VisionId group, ReadOnlyMemory<byte> lease) => new()
    {
        Type = MessageType.Presence,
        Target = Target.Group,
        FromId = VisionId.Server,
        GroupId = group,
        Cmd = ServerCommands.Lease,
        Payload = lease,
        SentAt = Now,
    };

    /// <summary>A page of a group's members, as the answer to the message that asked for it.</summary>
    /// <param name="question">That message.</param>
    /// <param name="payload">The page, a JSON object in UTF-8.</param>
    public Message Roster(Message question, ReadOnlyMemory<byte> payload) => new()
    {
        Type = MessageType.Presence,
        Target = Target.Echo,
        FromId = VisionId.Server,
        ToId = question.FromId,
        GroupId = question.GroupId,
        Cmd = "roster",
        Payload = payload,
        SentAt = Now,
        ReplyTo = question.Id,
    };

    private DateTime Now => time.GetUtcNow().UtcDateTime;

    // Without the states: hundreds of them would be more than a frame may be. The roster has them.
    private static void WriteNames(
        Utf8JsonWriter w, ReadOnlySpan<byte> name, IEnumerable<(Member Member, string? Reason)> members)
    {
        w.WriteStartArray(name);
        foreach (var (member, reason) in members)
        {
            w.WriteStartObject();
            w.WriteString("client_id"u8, member.ClientId.Value);
            MemberWriter.WriteRole(w, member.Role);
            MemberWriter.WriteVersion(w, member);
            if (reason is not null)
                w.WriteString("reason"u8, reason);
            w.WriteEndObject();
        }
        w.WriteEndArray();
    }

    private Message ToClient(VisionId client, VisionId group, string cmd, ReadOnlyMemory<byte> payload) => new()
    {
        Type = MessageType.Cmd,
        Target = Target.Direct,
        FromId = VisionId.Server,
        ToId = client,
        GroupId = group,
        Cmd = cmd,
        Payload = payload,
        SentAt = Now,
    };
}

/// <summary>What a client of the full profile is told first.</summary>
/// <param name="ConnectionId">The connection's name, unique over all instances.</param>
/// <param name="InstanceId">The instance's name.</param>
/// <param name="HeartbeatInterval">How often the client should send a heartbeat.</param>
/// <param name="MaxMessageBytes">The longest message.</param>
/// <param name="RatePerSecond">Messages per second; 0: no limit.</param>
/// <param name="RateBurst">Messages at once.</param>
/// <param name="Permissions">What the client may do.</param>
/// <param name="Positions">Where it goes on from in its channels' streams; none where nothing is kept.</param>
/// <param name="Kept">What is kept, and so can be sent again without being published twice.</param>
/// <param name="ExpiresAt">When its token ends (UTC); none: it has no token.</param>
internal readonly record struct Welcome(
    string ConnectionId,
    string InstanceId,
    TimeSpan HeartbeatInterval,
    int MaxMessageBytes,
    int RatePerSecond,
    int RateBurst,
    Permissions Permissions,
    ChannelPositions? Positions = null,
    HistoryOptions? Kept = null,
    DateTime? ExpiresAt = null);
