using System.Text.Json;
using Aether.Application.Commands;
using Aether.Application.History;
using Aether.Application.Leases;
using Aether.Application.Ports;
using Aether.Application.Presence;
using Aether.Domain;
using Aether.Domain.Commands;

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

    /// <summary>Reads who holds a lease of a group. One that nobody ever had is a free one.</summary>
    /// <exception cref="ArgumentException">An id is no Vision ID; the text names it.</exception>
    Task<Answer<LeaseInfo>> Lease(string groupId, string name, CancellationToken cancellationToken = default);

    /// <summary>
    /// Takes a lease from whoever holds it: what that client says under it from now on is refused. It may take it again,
    /// with the next term.
    /// </summary>
    /// <returns>The lease, which is free now.</returns>
    /// <exception cref="ArgumentException">An id is no Vision ID; the text names it.</exception>
    Task<Answer<LeaseInfo>> TakeLease(string groupId, string name, CancellationToken cancellationToken = default);

    /// <summary>
    /// Gives a command to members of a group, as <c>aether</c>; <c>no_recipients</c> if nobody is there whom it is for.
    /// </summary>
    /// <exception cref="ArgumentException">
    /// An id is no Vision ID, or the command breaks a rule; the text names it.
    /// </exception>
    Task<Answer<CommandSummary>> StartCommand(
        string groupId, RealtimeCommand command, CancellationToken cancellationToken = default);

    /// <summary>Reads a command and some of its executions; <c>not_found</c> if the group has none of this id.</summary>
    /// <param name="groupId">The group.</param>
    /// <param name="commandId">The command.</param>
    /// <param name="offset">How many executions are left out.</param>
    /// <param name="limit">How many at most, 1 to 500.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="ArgumentException">The id is no Vision ID; the text names it.</exception>
    Task<Answer<CommandState>> GetCommand(
        string groupId,
        string commandId,
        int offset = 0,
        int limit = ReadCommand.MaxLimit,
        CancellationToken cancellationToken = default);

    /// <summary>Reads the commands of a group, the newest first.</summary>
    /// <param name="groupId">The group.</param>
    /// <param name="status">Only those that are so far; <see langword="null"/>: all that are kept.</param>
    /// <param name="offset">How many are left out.</param>
    /// <param name="limit">How many at most, 1 to 500.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="ArgumentException">The id is no Vision ID; the text names it.</exception>
    Task<Answer<CommandListing>> ListCommands(
        string groupId,
        CommandStatus? status = null,
        int offset = 0,
        int limit = ReadCommand.MaxLimit,
        CancellationToken cancellationToken = default);

    /// <summary>
    /// Watches a command: the first state at once, then at most ten a second, each with the executions that changed since
    /// the one before it. It ends with the command, or at once if the group has none of this id; behind a state that is no
    /// end if the group has it no more.
    /// </summary>
    /// <param name="groupId">The group.</param>
    /// <param name="commandId">The command.</param>
    /// <param name="after">The version that is known; 0: none.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="ArgumentException">The id is no Vision ID; the text names it.</exception>
    IAsyncEnumerable<CommandState> WatchCommand(
        string groupId, string commandId, long after = 0, CancellationToken cancellationToken = default);

    /// <summary>Calls a command off: nothing more is sent, and who is at it is asked to stop.</summary>
    /// <exception cref="ArgumentException">The id is no Vision ID; the text names it.</exception>
    Task<Answer<CommandSummary>> CancelCommand(
        string groupId, string commandId, CancellationToken cancellationToken = default);

    /// <summary>Lets the next batch of a command begin that is paused.</summary>
    /// <exception cref="ArgumentException">The id is no Vision ID; the text names it.</exception>
    Task<Answer<CommandSummary>> ResumeCommand(
        string groupId, string commandId, CancellationToken cancellationToken = default);

    /// <summary>Gives a command that has ended once more to those members that did not succeed.</summary>
    /// <param name="groupId">The group.</param>
    /// <param name="commandId">The command.</param>
    /// <param name="id">
    /// A name of 1 to 64 printable ASCII characters for the new one: the same one again is the same command, as with
    /// <see cref="RealtimeCommand.Id"/>.
    /// </param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The new command.</returns>
    /// <exception cref="ArgumentException">An id is none; the text names it.</exception>
    Task<Answer<CommandSummary>> RetryCommand(
        string groupId, string commandId, string? id = null, CancellationToken cancellationToken = default);

    /// <summary>
    /// Closes the connections of a client in a group with 4005, on whichever instance they are;
    /// <c>recipient_offline</c> if it has none. It is told not to come back; what keeps it out is its credential.
    /// </summary>
    /// <exception cref="ArgumentException">An id is no Vision ID; the text names it.</exception>
    Task<Outcome> Disconnect(string groupId, string clientId, CancellationToken cancellationToken = default);

    /// <summary>
    /// Takes a token back before its end: connections with it close with 4001 on every instance within 2 s, and new ones
    /// are refused. That cannot be undone.
    /// </summary>
    /// <param name="tokenId">Its claim <c>jti</c>, 1 to 256 characters without control characters.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="ArgumentException">The id is none; the text says what one is.</exception>
    Task<Outcome> RevokeToken(string tokenId, CancellationToken cancellationToken = default);

    /// <summary>
    /// Takes back all tokens of a client that were issued before a time, and those that do not say when they were:
    /// connections with one close with 4001 on every instance within 2 s, and new ones are refused. That cannot be undone.
    /// </summary>
    /// <param name="clientId">The client, their claim <c>sub</c>.</param>
    /// <param name="issuedBefore">The time, at most a day ahead; else <c>invalid_message</c>.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="ArgumentException">The id is no Vision ID; the text names it.</exception>
    Task<Outcome> RevokeTokens(
        string clientId, DateTimeOffset issuedBefore, CancellationToken cancellationToken = default);
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

/// <summary>A command that the host's own code gives.</summary>
public sealed record RealtimeCommand
{
    /// <summary>What has to be done, 1 to 256 characters.</summary>
    public required string Cmd { get; init; }

    /// <summary>Text for people.</summary>
    public string? Msg { get; init; }

    /// <summary>Anything that serialises to a JSON object; <see langword="null"/> is the empty one.</summary>
    public object? Payload { get; init; }

    /// <summary>
    /// A name of 1 to 64 printable ASCII characters: the same one again is the same command, and not a second one.
    /// </summary>
    public string? Id { get; init; }

    /// <summary>Whom it is for, 1 to 1,000 client ids, present or not; <see langword="null"/>: whoever is present.</summary>
    public IReadOnlyList<string>? To { get; init; }

    /// <summary>How it is carried out, and for members of which role.</summary>
    public CommandPlan Plan { get; init; } = new();

    /// <summary>How the payload is serialised. Not set: <see cref="JsonSerializerOptions.Web"/>.</summary>
    public JsonSerializerOptions? JsonOptions { get; init; }
}
