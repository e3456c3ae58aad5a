using System.Text.Json;

namespace Aether.Application.Messaging;

/// <summary>
/// What the host's own code talks to: it sends as <c>aether</c>, and to everybody it likes. Expected failures come back in the
/// <see cref="Outcome"/>.
/// </summary>
public interface IRealtime
{
    /// <summary>Sends to every connection of a group.</summary>
    /// <exception cref="ArgumentException">The id is no Vision ID, or the message breaks a rule; the text names it.</exception>
    Task<Outcome> ToGroup(string groupId, RealtimeMessage message, CancellationToken cancellationToken = default);

    /// <summary>Sends to the connections of one client in a group.</summary>
    /// <exception cref="ArgumentException">An id is no Vision ID, or the message breaks a rule; the text names it.</exception>
    Task<Outcome> ToClient(
        string groupId, string clientId, RealtimeMessage message, CancellationToken cancellationToken = default);

    /// <summary>Sends to every connection of the platform.</summary>
    /// <exception cref="ArgumentException">The message breaks a rule; the text names it.</exception>
    Task<Outcome> Broadcast(RealtimeMessage message, CancellationToken cancellationToken = default);
}

/// <summary>What the host's own code says.</summary>
public sealed record RealtimeMessage
{
    /// <summary>The command, at most 256 characters. With one, the message is a <c>cmd</c>, without it is a <c>msg</c>.</summary>
    public string? Cmd { get; init; }

    /// <summary>Text for people.</summary>
    public string? Msg { get; init; }

    /// <summary>Anything that serialises to a JSON object; <see langword="null"/> is the empty one.</summary>
    public object? Payload { get; init; }

    /// <summary>How the payload is serialised. Not set: <see cref="JsonSerializerOptions.Web"/>.</summary>
    public JsonSerializerOptions? JsonOptions { get; init; }
}
