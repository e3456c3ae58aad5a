using System.ComponentModel;
using System.Text.Json.Serialization;
using Aether.Application;
using Aether.Application.Wire;

namespace Aether.Api.Http;

/// <summary>
/// How many instances were told. This and the others are for the document; what is sent is written by hand.
/// </summary>
[Description("How many instances were told")]
[JsonNumberHandling(JsonNumberHandling.Strict)]
internal sealed record Published(
    [property: JsonPropertyName("instances")]
    [property: Description("How many instances of the server heard it; 0: nobody whom it is for is connected.")]
    int Instances,
    [property: JsonPropertyName("status")]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    [property: Description("Of a kept message: published, or duplicate if it came before and was not published again")]
    string? Status = null,
    [property: JsonPropertyName("pos")]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    [property: Description("Of a kept message: where it is kept; of a duplicate, where the first is")]
    string? Pos = null)
{
    public static IResult Answer(Outcome outcome) => JsonObjects.Answer(
        writer =>
        {
            writer.WriteNumber("instances"u8, outcome.Instances);
            if (outcome.Position.IsEmpty)
                return;
            writer.WriteString("status"u8, ServerMessages.StatusOf(outcome));
            writer.WriteString("pos"u8, outcome.Position.ToString());
        },
        StatusCodes.Status202Accepted);
}

/// <summary>A client that is present in a group.</summary>
[Description("A client that is present in a group")]
[JsonNumberHandling(JsonNumberHandling.Strict)]
internal sealed record Client(
    [property: JsonPropertyName("client_id")] string ClientId,
    [property: JsonPropertyName("role")]
    [property: Description("controller, worker or observer; null if it did not say")]
    string? Role,
    [property: JsonPropertyName("state")]
    [property: Description("What the client says of itself")]
    IReadOnlyDictionary<string, object?> State,
    [property: JsonPropertyName("connections")]
    [property: Description("How many connections it has in the group, on all instances")]
    int Connections,
    [property: JsonPropertyName("joined_at")] DateTime JoinedAt,
    [property: JsonPropertyName("last_seen")]
    [property: Description("When it last connected or sent a heartbeat, up to 10 s late")]
    DateTime LastSeen,
    [property: JsonPropertyName("version")]
    [property: Description("Its place in the order of what is told of the client: what has a lower one is older")]
    long Version);

/// <summary>Clients that are present in a group.</summary>
[Description("Clients that are present in a group")]
[JsonNumberHandling(JsonNumberHandling.Strict)]
internal sealed record Roster(
    [property: JsonPropertyName("members")] IReadOnlyList<Client> Members,
    [property: JsonPropertyName("total")]
    [property: Description("How many clients fit, on whatever page")]
    int Total);

/// <summary>Kept messages of a group.</summary>
[Description("Kept messages of a group")]
[JsonNumberHandling(JsonNumberHandling.Strict)]
internal sealed record KeptMessagesPage(
    [property: JsonPropertyName("messages")]
    [property: Description("Messages as they were sent to the group, oldest first, each with its pos")]
    IReadOnlyList<IReadOnlyDictionary<string, object?>> Messages,
    [property: JsonPropertyName("pos")]
    [property: Description("Where to go on: the after of the next page; null where nothing is ever kept")]
    string? Pos,
    [property: JsonPropertyName("complete")]
    [property: Description("Whether nothing follows yet")]
    bool Complete);

/// <summary>A lease of a group.</summary>
[Description("A lease of a group")]
[JsonNumberHandling(JsonNumberHandling.Strict)]
internal sealed record Lease(
    [property: JsonPropertyName("name")] string Name,
    [property: JsonPropertyName("holder")]
    [property: Description("The client that holds it; null: nobody does")]
    string? Holder,
    [property: JsonPropertyName("term")]
    [property: Description("One more with every new holder; 0: nobody ever held it")]
    long Term,
    [property: JsonPropertyName("expires_at")]
    [property: Description("When it ends unless it is renewed; null: nobody holds it")]
    DateTime? ExpiresAt);

/// <summary>What became of a revocation.</summary>
[Description("What became of a revocation")]
[JsonNumberHandling(JsonNumberHandling.Strict)]
internal sealed record Revoked(
    [property: JsonPropertyName("until")]
    [property: Description("Until when it is remembered: no token that was revoked by it is good any longer")]
    DateTime Until);

/// <summary>A group that has members.</summary>
[Description("A group that has members")]
[JsonNumberHandling(JsonNumberHandling.Strict)]
internal sealed record Group(
    [property: JsonPropertyName("group_id")] string GroupId,
    [property: JsonPropertyName("members")]
    [property: Description("How many clients are present there, on all instances")]
    int Members);

/// <summary>Groups that have members.</summary>
[Description("Groups that have members")]
[JsonNumberHandling(JsonNumberHandling.Strict)]
internal sealed record Groups(
    [property: JsonPropertyName("groups")] IReadOnlyList<Group> Page,
    [property: JsonPropertyName("total")]
    [property: Description("How many there are, on whatever page")]
    int Total);

/// <summary>What an instance tells of itself.</summary>
[Description("What an instance tells of itself")]
[JsonNumberHandling(JsonNumberHandling.Strict)]
internal sealed record RunningInstance(
    [property: JsonPropertyName("instance_id")]
    [property: Description("Its name, new at every start; the welcome has it too")]
    string InstanceId,
    [property: JsonPropertyName("version")] string Version,
    [property: JsonPropertyName("started_at")]
    [property: Description("When it started, by its own clock")]
    DateTime StartedAt,
    [property: JsonPropertyName("uptime_seconds")]
    [property: Description("How long it ran when it told this")]
    long UptimeSeconds,
    [property: JsonPropertyName("connections")]
    [property: Description("How many connections it had then, legacy ones included")]
    int Connections);

/// <summary>The instances that run.</summary>
[Description("The instances that run, the oldest first")]
[JsonNumberHandling(JsonNumberHandling.Strict)]
internal sealed record Instances(
    [property: JsonPropertyName("instances")] IReadOnlyList<RunningInstance> All,
    [property: JsonPropertyName("total")] int Total);

/// <summary>Why a request was not carried out.</summary>
[Description("Why a request was not carried out")]
[JsonNumberHandling(JsonNumberHandling.Strict)]
internal sealed record Problem(
    [property: JsonPropertyName("type")] string Type,
    [property: JsonPropertyName("title")] string Title,
    [property: JsonPropertyName("status")] int Status,
    [property: JsonPropertyName("detail")]
    [property: Description("For people; it may change")]
    string Detail,
    [property: JsonPropertyName("field")]
    [property: Description("The field or parameter that is wrong; absent if it is none")]
    string? Field = null,
    [property: JsonPropertyName("code")]
    [property: Description("Where the status alone does not say it: the protocol's code, such as no_recipients or stale_term of a 409")]
    string? Code = null,
    [property: JsonPropertyName("reason")]
    [property: Description("Of a 410: trimmed, expired, too_many or epoch")]
    string? Reason = null,
    [property: JsonPropertyName("pos")]
    [property: Description("Of a 410: where what is kept ends; null where nothing is")]
    string? Pos = null);
