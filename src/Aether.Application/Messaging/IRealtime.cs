using System.Text.Json;
using Aether.Application.History;
using Aether.Application.Ports;
using Aether.Application.Presence;
using Aether.Domain;

namespace Aether.Application.Messaging;

/// <summary>
/// What the host's own code talks to: it sends as <c>aether</c>, to everybody it likes, and reads who is present.
/// Expected failures come back in the <see cref="Outcome"/> or the <see cref="Answer{T}"/>.
/// </summary>
public interface IRealtime
{
    /// <summary>Sends to every connection of a group.</summary>
    /// <exception cref="ArgumentException">
    /// The id is no Vision ID, or the message breaks a rule; the text names it.
    /// </exception>
    Task<Outcome> ToGroup(string groupId, RealtimeMessage message, CancellationToken cancellationToken = default);

    /// <summary>Sends to the connections of a group that have a role.</summary>
    /// <exception cref="ArgumentException">
    /// The id is no Vision ID, the role is none, or the message breaks a rule; the text names it.
    /// </exception>
    Task<Outcome> ToRole(
        string groupId, Role role, RealtimeMessage message, CancellationToken cancellationToken = default);

    /// <summary>Sends to the connections of one client in a group.</summary>
    /// <exception cref="ArgumentException">
    /// An id is no Vision ID, or the message breaks a rule; the text names it.
    /// </exception>
    Task<Outcome> ToClient(
        string groupId, string clientId, RealtimeMessage message, CancellationToken cancellationToken = default);

    /// <summary>Sends to every connection of the platform.</summary>
    /// <exception cref="ArgumentException">The message breaks a rule; the text names it.</exception>
    Task<Outcome> Broadcast(RealtimeMessage message, CancellationToken cancellationToken = default);

    /// <summary>Reads who is present in a group, on all instances.</summary>
    /// <param name="groupId">The group.</param>
    /// <param name="query">Which members; <see langword="null"/>: the first 500 by client id.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="ArgumentException">The id is no Vision ID; the text names it.</exception>
    Task<Answer<RosterPage>> Roster(
        string groupId, RosterQuery? query = null, CancellationToken cancellationToken = default);

    /// <summary>Reads one client of a group; <c>recipient_offline</c> if it is not present there.</summary>
    /// <exception cref="ArgumentException">An id is no Vision ID; the text names it.</exception>
    Task<Answer<Member>> Client(string groupId, string clientId, CancellationToken cancellationToken = default);

    /// <summary>Counts who is present in a group, on all instances.</summary>
    /// <param name="groupId">The group.</param>
    /// <param name="role">Only those of this role; <see langword="null"/>: of any.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="ArgumentException">The id is no Vision ID; the text names it.</exception>
    Task<Answer<int>> Count(string groupId, Role? role = null, CancellationToken cancellationToken = default);

    /// <summary>Reads what was kept of a group's messages, oldest first.</summary>
    /// <param name="groupId">The group.</param>
    /// <param name="after">
    /// The position before the first one, such as where the page before this went to; <see langword="null"/>: the oldest
    /// there is.
    /// </param>
    /// <param name="limit">How many at most, 1 to 500.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The page; its status says if what was asked for is lost.</returns>
    /// <exception cref="ArgumentException">The id or the position is none; the text names it.</exception>
    Task<Answer<HistoryPage>> Messages(
        string groupId,
        string? after = null,
        int limit = ReadMessages.DefaultLimit,
        CancellationToken cancellationToken = default);

    /// <summary>
    /// Closes the connections of a client in a group with 4005, on whichever instance they are;
    /// <c>recipient_offline</c> if it has none. It is told not to come back; what keeps it out is its credential.
    /// </summary>
    /// <exception cref="ArgumentException">An id is no Vision ID; the text names it.</exception>
    Task<Outcome> Disconnect(string groupId, string clientId, CancellationToken cancellationToken = default);
}

/// <summary>What the host's own code says.</summary>
public sealed record RealtimeMessage
{
    /// <summary>
    /// The command, at most 256 characters. With one, the message is a <c>cmd</c>, without it is a <c>msg</c>.
    /// </summary>
    public string? Cmd { get; init; }

    /// <summary>Text for people.</summary>
    public string? Msg { get; init; }

    /// <summary>
    /// A name of 1 to 64 printable ASCII characters. A message that is kept is published once, however often it is sent
    /// with the same one; see <see cref="Outcome.IsDuplicate"/>.
    /// </summary>
    public string? Id { get; init; }

    /// <summary>Anything that serialises to a JSON object; <see langword="null"/> is the empty one.</summary>
    public object? Payload { get; init; }

    /// <summary>How the payload is serialised. Not set: <see cref="JsonSerializerOptions.Web"/>.</summary>
    public JsonSerializerOptions? JsonOptions { get; init; }
}
