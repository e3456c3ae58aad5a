using System.ComponentModel;
using System.Text.Json.Serialization;

namespace Aether.Api.Http;

/// <summary>
/// How many instances were told. This and the others are for the document; RosterWriter writes what is sent.
/// </summary>
[Description("How many instances were told")]
[JsonNumberHandling(JsonNumberHandling.Strict)]
internal sealed record Published(
    [property: JsonPropertyName("instances")]
    [property: Description("How many instances of the server heard it; 0: nobody whom it is for is connected.")]
    int Instances);

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
    DateTime LastSeen);

/// <summary>Clients that are present in a group.</summary>
[Description("Clients that are present in a group")]
[JsonNumberHandling(JsonNumberHandling.Strict)]
internal sealed record Roster(
    [property: JsonPropertyName("members")] IReadOnlyList<Client> Members,
    [property: JsonPropertyName("total")]
    [property: Description("How many clients fit, on whatever page")]
    int Total);

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
    string? Field = null);
