using System.ComponentModel;
using System.Text.Json.Serialization;

namespace Aether.Api.Http;

/// <summary>How many instances were told.</summary>
[JsonNumberHandling(JsonNumberHandling.Strict)]
internal sealed record Published(
    [property: JsonPropertyName("instances")]
    [property: Description("How many instances of the server heard it; 0: nobody whom it is for is connected.")]
    int Instances);

/// <summary>The shape of one client of a roster. It is written by <see cref="Application.Wire.RosterWriter"/>.</summary>
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

/// <summary>The shape of a roster's page.</summary>
[JsonNumberHandling(JsonNumberHandling.Strict)]
internal sealed record Roster(
    [property: JsonPropertyName("members")] IReadOnlyList<Client> Members,
    [property: JsonPropertyName("total")]
    [property: Description("How many clients fit, on whatever page")]
    int Total);
