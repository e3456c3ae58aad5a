using Aether.Domain;
using Aether.Domain.Commands;

namespace Aether.Application.Ports;

/// <summary>
/// Keeps the commands of groups, and lets one event at a time into each: whatever instance an event comes from, what it does
/// is decided once, by the state that is there. What has to be done then is for whoever brought the event; if that one dies
/// first, time brings it to another. The rules are those of <see cref="Command"/>. Adapters: Redis, and memory for a single
/// process. Never throws for a store that cannot be reached.
/// </summary>
internal interface ICommandStore
{
    /// <summary>
    /// Begins a command. One that has the giver and the <see cref="CommandOrder.RequestId"/> of a command that is there is
    /// that command. One with a lease begins only if its giver holds that, in the same step.
    /// </summary>
    /// <param name="order">What was ordered; its plan breaks no rule.</param>
    /// <param name="members">
    /// Whom it is for, each once, in the order of their turns: at most 10,000. Without any no command begins; one that the
    /// giver's <see cref="CommandOrder.RequestId"/> began before is found all the same.
    /// </param>
    /// <param name="cancellationToken">Ends the wait.</param>
    ValueTask<CommandStart> StartAsync(
        CommandOrder order, IReadOnlyList<VisionId> members, CancellationToken cancellationToken);

    /// <summary>Lets an event into a command.</summary>
    ValueTask<CommandChange> ApplyAsync(
        VisionId group, string id, CommandEvent happened, CancellationToken cancellationToken);

    /// <summary>Whether a command runs in a group, so that it may concern somebody who connects.</summary>
    /// <returns><see langword="null"/>: the store cannot be reached.</returns>
    ValueTask<bool?> HasRunningAsync(VisionId group, CancellationToken cancellationToken);

    /// <summary>
    /// Lets into all commands of a group that run that a connection of a member opened.
    /// </summary>
    /// <returns>Those in which that changed something or has to; <see langword="null"/>: the store cannot be reached.</returns>
    ValueTask<IReadOnlyList<CommandChange>?> ConnectAsync(
        VisionId group, MemberConnected member, CancellationToken cancellationToken);

    /// <summary>
    /// Does what is due in any group, each thing once, however many instances ask. To be asked several times in a second.
    /// </summary>
    /// <param name="limit">In how many commands at most.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>Those in which something was due; <see langword="null"/>: the store cannot be reached.</returns>
    ValueTask<IReadOnlyList<CommandChange>?> PassTimeAsync(int limit, CancellationToken cancellationToken);

    /// <summary>Reads a command and some of its executions, in the order of their turns.</summary>
    /// <param name="group">Its group.</param>
    /// <param name="id">The command.</param>
    /// <param name="offset">How many executions are left out.</param>
    /// <param name="limit">How many at most.</param>
    /// <param name="maxBytes">
    /// How long they may be together, about; one there is always. What an answer cannot hold is not put together for it.
    /// </param>
    /// <param name="cancellationToken">Ends the wait.</param>
    ValueTask<CommandPage> GetAsync(
        VisionId group, string id, int offset, int limit, int maxBytes, CancellationToken cancellationToken);

    /// <summary>
    /// Reads a command and the executions that changed after a version, those that changed first before the others: as many
    /// as may be, and no more than are <see cref="CommandPage.MaxBytes"/> together.
    /// </summary>
    ValueTask<CommandPage> GetChangesAsync(
        VisionId group, string id, long after, int limit, CancellationToken cancellationToken);

    /// <summary>How often each of some commands has changed.</summary>
    /// <returns>
    /// Their versions in the order of their ids, 0 for one that there is not; <see langword="null"/>: the store cannot be
    /// reached.
    /// </returns>
    ValueTask<IReadOnlyList<long>?> GetVersionsAsync(
        VisionId group, IReadOnlyList<string> ids, CancellationToken cancellationToken);

    /// <summary>Reads the commands of a group, the newest first, without the text and the payload of what was ordered.</summary>
    /// <param name="group">Of which group.</param>
    /// <param name="status">Only those that are so far; <see langword="null"/>: all that are kept.</param>
    /// <param name="offset">How many are left out.</param>
    /// <param name="limit">How many at most.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns><see langword="null"/>: the store cannot be reached.</returns>
    ValueTask<CommandList?> ListAsync(
        VisionId group, CommandStatus? status, int offset, int limit, CancellationToken cancellationToken);
}

/// <summary>What became of a command that was to begin.</summary>
/// <param name="Status">What.</param>
/// <param name="Command">The command that there is now.</param>
/// <param name="Effects">What has to be done now.</param>
/// <param name="Fault">Why the store did not take it.</param>
internal readonly record struct CommandStart(
    StartStatus Status, CommandSummary? Command, IReadOnlyList<Effect> Effects, BackplaneFault Fault = default)
{
    /// <summary>It did not begin.</summary>
    public static CommandStart Not(StartStatus status, BackplaneFault fault = default) => new(status, null, [], fault);
}

/// <summary>What became of a command that was to begin.</summary>
internal enum StartStatus
{
    /// <summary>The store cannot be reached or does not take it.</summary>
    Unavailable,

    /// <summary>The store did not answer: it may have begun. The same order again tells.</summary>
    Unknown,

    /// <summary>It has begun.</summary>
    Started,

    /// <summary>It had begun before.</summary>
    Repeated,

    /// <summary>There is nobody whom it is for.</summary>
    NoRecipients,

    /// <summary>As many run in the group as may.</summary>
    TooMany,

    /// <summary>Its giver does not hold the lease in this term.</summary>
    StaleTerm,
}

/// <summary>What an event did.</summary>
/// <param name="Status">Whether the command was found.</param>
/// <param name="Command">The command after it.</param>
/// <param name="Transition">What the event did, and what has to be done now.</param>
/// <param name="Fault">Why the store did not take it.</param>
/// <param name="LateMs">
/// How long it had been due when time was let in; <see langword="null"/>: it was something else that happened.
/// </param>
internal readonly record struct CommandChange(
    CommandFound Status,
    CommandSummary? Command,
    Transition Transition,
    BackplaneFault Fault = default,
    long? LateMs = null)
{
    /// <summary>There is no such command.</summary>
    public static CommandChange NotFound { get; } = new(CommandFound.NotFound, null, new(Verdict.Unknown, []));
}

/// <summary>Whether a command was found.</summary>
internal enum CommandFound
{
    /// <summary>The store cannot be reached or does not take it.</summary>
    Unavailable,

    /// <summary>The store did not answer: the event may have been let in. The same again does no harm.</summary>
    Unknown,

    /// <summary>The group has no such command, or has it no more.</summary>
    NotFound,

    /// <summary>It was.</summary>
    Found,
}

/// <summary>A command and some of its executions.</summary>
/// <param name="Status">Whether it was found.</param>
/// <param name="Command">The command.</param>
/// <param name="Executions">Those that were asked for.</param>
internal sealed record CommandPage(
    CommandFound Status, CommandSummary? Command, IReadOnlyList<ExecutionSummary> Executions)
{
    /// <summary>How long executions may be together where nothing else is said: as long as any answer is.</summary>
    public const int MaxBytes = 1_048_576;

    /// <summary>Whether there are fewer than were asked for, since they would have been too long together.</summary>
    public bool IsCut { get; init; }

    /// <summary>There is no such command.</summary>
    public static CommandPage NotFound { get; } = new(CommandFound.NotFound, null, []);

    /// <summary>The store cannot be reached.</summary>
    public static CommandPage Unavailable { get; } = new(CommandFound.Unavailable, null, []);
}

/// <summary>What reads a command without asking for much.</summary>
internal static class CommandStoreExtensions
{
    /// <summary>Reads a command and some of its executions, as long as these are.</summary>
    public static ValueTask<CommandPage> GetAsync(
        this ICommandStore store, VisionId group, string id, int offset, int limit, CancellationToken cancellationToken) =>
        store.GetAsync(group, id, offset, limit, int.MaxValue, cancellationToken);
}

/// <summary>Some commands of a group.</summary>
/// <param name="Commands">Those that were asked for.</param>
/// <param name="Total">How many there are with and without the limit.</param>
internal sealed record CommandList(IReadOnlyList<CommandSummary> Commands, int Total);
