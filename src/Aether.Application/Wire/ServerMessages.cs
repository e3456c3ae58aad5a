using System.Buffers;
using System.Text.Json;
using Aether.Application.Delivery;
using Aether.Application.Presence;
using Aether.Domain;

namespace Aether.Application.Wire;

/// <summary>What the server says itself: section 4 of the protocol. Every such message is made here.</summary>
public sealed class ServerMessages(TimeProvider time)
{
    /// <summary>The empty JSON object.</summary>
    public static readonly ReadOnlyMemory<byte> EmptyPayload = "{}"u8.ToArray();

    /// <summary>A message was published, and so many instances heard it.</summary>
    public Message Ack(VisionId client, VisionId group, string id, int instances) =>
        ToClient(client, group, "ack", Json(w =>
        {
            w.WriteString("status"u8, "published"u8);
            w.WriteNumber("instances"u8, instances);
        })) with
        { ReplyTo = id };

    /// <summary>A message was not taken.</summary>
    /// <param name="client">The client that sent it.</param>
    /// <param name="group">The group of that client.</param>
    /// <param name="rejection">Why.</param>
    /// <param name="id">The id of the message, if it had one.</param>
    public Message Error(VisionId client, VisionId group, Rejection rejection, string? id) =>
        ToClient(client, group, "error", Json(w =>
        {
            w.WriteString("code"u8, rejection.Code.Name);
            w.WriteBoolean("retryable"u8, rejection.Code.Retryable);
            if (rejection.RetryAfter is { } after)
                w.WriteNumber("retry_after_ms"u8, (long)Math.Ceiling(after.TotalMilliseconds));
            if (rejection.Field is { } field)
                w.WriteString("field"u8, field);
        })) with
        { Msg = rejection.Text, ReplyTo = id };

    /// <summary>Messages may have been missed since then (UTC).</summary>
    public Message Gap(VisionId client, VisionId group, DateTime since) =>
        ToClient(client, group, "gap", Json(w => w.WriteString("since"u8, since)));

    /// <summary>Tells the instances which connections of a client have to go.</summary>
    public Message Disconnect(VisionId client, VisionId group, string? supersededBy) =>
        ToClient(client, group, DisconnectOrder.Cmd, Json(w =>
        {
            if (supersededBy is not null)
                w.WriteString("superseded_by"u8, supersededBy);
        }));

    /// <summary>Whether this is what instances tell each other, and nobody else may tell them.</summary>
    public static bool IsForInstances(Message message)
    {
        ArgumentNullException.ThrowIfNull(message);
        return message.Cmd == DisconnectOrder.Cmd;
    }

    /// <summary>The first frame of the full profile.</summary>
    public Message Welcome(VisionId client, VisionId group, in Welcome welcome)
    {
        var (connection, instance, heartbeat, maxBytes, perSecond, burst, permissions) = welcome;
        var now = Now;
        return ToClient(client, group, "welcome", Json(w =>
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
            w.WriteStartArray("permissions"u8);
            if (permissions.HasFlag(Permissions.Broadcast))
                w.WriteStringValue("broadcast"u8);
            if (permissions.HasFlag(Permissions.CrossGroup))
                w.WriteStringValue("cross_group"u8);
            if (permissions.HasFlag(Permissions.Admin))
                w.WriteStringValue("admin"u8);
            w.WriteEndArray();
        }));
    }

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
        Payload = Json(w =>
        {
            RosterWriter.WriteStanding(w, member);
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
            Cmd = "changes",
            Payload = Json(w =>
            {
                WriteNames(w, "joined"u8, joined.Select(static member => (member, (string?)null)));
                WriteNames(w, "left"u8, left);
            }),
            SentAt = Now,
        };

    /// <summary>A page of a group's members, as the answer to the message that asked for it.</summary>
    public Message Roster(Message question, RosterPage page) => new()
    {
        Type = MessageType.Presence,
        Target = Target.Echo,
        FromId = VisionId.Server,
        ToId = question.FromId,
        GroupId = question.GroupId,
        Cmd = "roster",
        Payload = Json(w => RosterWriter.WritePage(w, page)),
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
            RosterWriter.WriteRole(w, member.Role);
            if (reason is not null)
                w.WriteString("reason"u8, reason);
            w.WriteEndObject();
        }
        w.WriteEndArray();
    }

    private static ReadOnlyMemory<byte> Json(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>(128);
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            write(writer);
            writer.WriteEndObject();
        }
        return buffer.WrittenMemory;
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
public readonly record struct Welcome(
    string ConnectionId,
    string InstanceId,
    TimeSpan HeartbeatInterval,
    int MaxMessageBytes,
    int RatePerSecond,
    int RateBurst,
    Permissions Permissions);
