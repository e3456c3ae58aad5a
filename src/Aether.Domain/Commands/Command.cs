using System.Diagnostics.CodeAnalysis;

namespace Aether.Domain.Commands;

/// <summary>
/// A command and its executions: a state machine. What an event does depends on nothing but the state, the event and the
/// time, so that memory and a Redis script that are given the same events come to the same. All that is kept is flat, a
/// row for each execution and some numbers for all of them, and what one member says touches one row.
/// </summary>
/// <remarks>
/// Whoever keeps it lets one event in at a time. Instants are Unix ms by the store's clock. Each change of an execution,
/// and each of the command itself, makes the <see cref="Version"/> one more.
/// </remarks>
public sealed partial class Command
{
    /// <summary>How long a member that is asked to stop has for it.</summary>
    public const long CancelGraceMs = 10_000;

    /// <summary>
    /// After how long what was not confirmed as published is sent again, be it the command or that it is called off: the
    /// instance that had to may be dead.
    /// </summary>
    public const long SendAgainMs = 2_000;

    private readonly List<Execution> executions;
    private readonly Dictionary<VisionId, int> places;
    private readonly SortedSet<(long At, int Index)> timers = [];
    private ExecutionCounts counts;

    // The end of the chain of executions in the order of their last change.
    private int lastChanged = -1;

    private Command(CommandOrder order, int targets)
    {
        Order = order;
        executions = new List<Execution>(targets);
        places = new Dictionary<VisionId, int>(targets);
    }

    /// <summary>What was ordered.</summary>
    public CommandOrder Order { get; }

    /// <summary>How far it is.</summary>
    public CommandStatus Status { get; private set; }

    /// <summary>Why it is paused, is being called off or has ended.</summary>
    public CommandReason Reason { get; private set; }

    /// <summary>
    /// How it will end, once it is being called off and its open executions have ended; else not set. Until then it is in
    /// progress.
    /// </summary>
    public CommandStatus? Ending { get; private set; }

    /// <summary>Which batch has begun, from 1.</summary>
    public int Batch { get; private set; } = 1;

    /// <summary>How many executions are how far.</summary>
    public ExecutionCounts Counts => counts;

    /// <summary>How often it has changed.</summary>
    public long Version { get; private set; }

    /// <summary>When it began.</summary>
    public long CreatedAt { get; private set; }

    /// <summary>When it ends, whatever happens.</summary>
    public long DeadlineAt { get; private set; }

    /// <summary>When it ended; 0: it has not.</summary>
    public long EndedAt { get; private set; }

    /// <summary>Its executions, in the order of their turns.</summary>
    public IReadOnlyList<Execution> Executions => executions;

    /// <summary>When time does something next, unless something else does before; <see langword="null"/>: never.</summary>
    public long? NextDueAt
    {
        get
        {
            if (Status.IsEnded())
                return null;
            long last = Ending is null ? DeadlineAt : endingAt;
            return timers.Count > 0 ? Math.Min(timers.Min.At, last) : last;
        }
    }

    /// <summary>Begins a command.</summary>
    /// <param name="order">What was ordered.</param>
    /// <param name="members">Whom it is for, each once, in the order of their turns.</param>
    /// <param name="now">The time.</param>
    /// <param name="begun">What has to be done now.</param>
    /// <exception cref="ArgumentException">
    /// The plan breaks a rule, there are no members or too many, or one is there twice.
    /// </exception>
    public static Command Start(CommandOrder order, IReadOnlyList<VisionId> members, long now, out Transition begun)
    {
        ArgumentNullException.ThrowIfNull(order);
        ArgumentNullException.ThrowIfNull(members);
        if (order.Plan.FindFault() is { } fault)
            throw new ArgumentException(fault.Field + " " + fault.Rule, nameof(order));
        if (members.Count is 0 or > CommandPlan.MaxTargets)
            throw new ArgumentException("must be 1 to 10000", nameof(members));
        var command = new Command(order, members.Count)
        {
            CreatedAt = now,
            DeadlineAt = now + Ms(order.Plan.Deadline),
            now = now,
        };
        foreach (var member in members)
            command.Add(member);
        command.Rescale();
        // The first version is that of a command that has begun, with whoever was sent it.
        command.Version = 1;
        command.Reconcile();
        begun = command.Done(Verdict.Applied);
        return command;
    }

    /// <summary>What a member's execution is, if it has one.</summary>
    public bool TryFind(VisionId member, [NotNullWhen(true)] out Execution? execution)
    {
        execution = places.TryGetValue(member, out int index) ? executions[index] : null;
        return execution is not null;
    }

    /// <summary>The executions that changed after a version, those that changed first before the others.</summary>
    /// <param name="version">The version; 0: all that have changed since they were queued.</param>
    /// <param name="limit">How many at most.</param>
    public IReadOnlyList<Execution> ChangedSince(long version, int limit)
    {
        // From the end, which is as far as there is something new, to where that begins.
        int from = -1;
        for (int i = lastChanged; i >= 0 && executions[i].Version > version; i = executions[i].Before)
            from = i;
        var changed = new List<Execution>();
        for (int i = from; i >= 0 && changed.Count < limit; i = executions[i].After)
            changed.Add(executions[i]);
        return changed;
    }

    /// <summary>The members that it did not succeed at, in the order of their turns: whom a retry is for.</summary>
    public IReadOnlyList<VisionId> FindUnsuccessful() =>
    [
        .. executions.Where(one => one.Status != ExecutionStatus.Succeeded).Select(one => one.Member),
    ];

    /// <summary>A copy of all but the executions that stays as it is.</summary>
    public CommandSummary Summarize() => new(
        Order, Status, Reason, Ending is not null, Batch, counts, CreatedAt, DeadlineAt, EndedAt, Version);

    private static long Ms(TimeSpan span) => (long)span.TotalMilliseconds;

    private void Add(VisionId member)
    {
        if (!places.TryAdd(member, executions.Count))
            throw new ArgumentException("must be there once", nameof(member));
        executions.Add(new Execution(executions.Count, member) { UpdatedAt = now });
        counts = counts.More(ExecutionStatus.Queued);
    }

    private void Move(Execution execution, ExecutionStatus to)
    {
        counts = counts.Less(execution.Status).More(to);
        execution.Status = to;
        Touch(execution);
    }

    /// <summary>Notes that an execution changed, and puts it behind all others in the chain of changes.</summary>
    private void Touch(Execution execution)
    {
        execution.UpdatedAt = now;
        execution.Version = ++Version;
        if (lastChanged == execution.Index)
            return;
        if (execution.Before >= 0)
            executions[execution.Before].After = execution.After;
        if (execution.After >= 0)
            executions[execution.After].Before = execution.Before;
        (execution.Before, execution.After) = (lastChanged, -1);
        if (lastChanged >= 0)
            executions[lastChanged].After = execution.Index;
        lastChanged = execution.Index;
    }

    private void SetTimer(Execution execution, long limitAt, long sendAgainAt)
    {
        (execution.LimitAt, execution.SendAgainAt) = (limitAt, sendAgainAt);
        long at = limitAt == 0 || (sendAgainAt != 0 && sendAgainAt < limitAt) ? sendAgainAt : limitAt;
        if (execution.TimerAt == at)
            return;
        if (execution.TimerAt != 0)
            timers.Remove((execution.TimerAt, execution.Index));
        if (at != 0)
            timers.Add((at, execution.Index));
        execution.TimerAt = at;
    }

    private void ClearTimers()
    {
        foreach (var (_, index) in timers)
            (executions[index].TimerAt, executions[index].LimitAt, executions[index].SendAgainAt) = (0, 0, 0);
        timers.Clear();
    }
}

/// <summary>What a command was at a moment, without its executions.</summary>
/// <param name="Order">What was ordered.</param>
/// <param name="Status">How far it is.</param>
/// <param name="Reason">Why, if there is more to say than the status.</param>
/// <param name="IsEnding">Whether it is being called off, and waits for its open executions.</param>
/// <param name="Batch">Which batch has begun, from 1.</param>
/// <param name="Counts">How many executions are how far.</param>
/// <param name="CreatedAt">When it began, in Unix ms.</param>
/// <param name="DeadlineAt">When it ends, whatever happens, in Unix ms.</param>
/// <param name="EndedAt">When it ended, in Unix ms; 0: it has not.</param>
/// <param name="Version">How often it has changed.</param>
public sealed record CommandSummary(
    CommandOrder Order,
    CommandStatus Status,
    CommandReason Reason,
    bool IsEnding,
    int Batch,
    ExecutionCounts Counts,
    long CreatedAt,
    long DeadlineAt,
    long EndedAt,
    long Version);
