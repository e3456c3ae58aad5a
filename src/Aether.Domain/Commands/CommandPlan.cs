namespace Aether.Domain.Commands;

/// <summary>
/// How a command is carried out: to whom it goes and when, how long it may take, and what makes it a success. The source
/// of the fields is the protocol.
/// </summary>
public sealed record CommandPlan
{
    /// <summary>How many members one command can have.</summary>
    public const int MaxTargets = 10_000;

    /// <summary>How often a member can be asked at most.</summary>
    public const int MaxAttempts = 10;

    /// <summary>How many batches there can be.</summary>
    public const int MaxBatches = 100;

    /// <summary>How long a command can run.</summary>
    public static readonly TimeSpan MaxDeadline = TimeSpan.FromDays(1);

    /// <summary>Whether members that come while it runs are its targets too.</summary>
    public bool IsContinuous { get; init; }

    /// <summary>Which members that come are targets of a continuous command; none: those of any role.</summary>
    public Role Role { get; init; }

    /// <summary>From a member's turn until it takes the command, being away included.</summary>
    public TimeSpan DeliveryTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a member may be in progress without a report. Zero: for ever.</summary>
    public TimeSpan InProgressTimeout { get; init; }

    /// <summary>How long all of it may take.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How often a member that failed or timed out is asked.</summary>
    public int Attempts { get; init; } = 1;

    /// <summary>How many members have to succeed. Not set: all.</summary>
    public Amount? MinSucceeded { get; init; }

    /// <summary>Whether the rest is canceled as soon as so many have succeeded.</summary>
    public bool StopAtQuorum { get; init; }

    /// <summary>How many executions are sent and not ended at a time. Not set: all.</summary>
    public Amount? MaxConcurrency { get; init; }

    /// <summary>
    /// How many members the first batch has, the first two together, and so on. One in the last place is everybody; what
    /// the last one leaves over is one more batch. Empty: one batch.
    /// </summary>
    public IReadOnlyList<Amount> Batches { get; init; } = [];

    /// <summary>Whether each batch but the first waits to be resumed.</summary>
    public bool Pause { get; init; }

    /// <summary>What stops all of it. Not set: nothing does.</summary>
    public AbortCriteria? Abort { get; init; }

    /// <summary>The first field that breaks a rule, by its name in a command, and the rule.</summary>
    /// <returns><see langword="null"/>: the plan is a valid one.</returns>
    public (string Field, string Rule)? FindFault()
    {
        if (!IsBetween(DeliveryTimeout, 1))
            return ("delivery_timeout_ms", "must be 1 to 86400000");
        if (!IsBetween(InProgressTimeout, 0))
            return ("in_progress_timeout_ms", "must be 0 to 86400000");
        if (!IsBetween(Deadline, 1))
            return ("deadline_ms", "must be 1 to 86400000");
        if (Attempts is < 1 or > MaxAttempts)
            return ("attempts", "must be 1 to 10");
        if (MinSucceeded is { } min && IsNone(min))
            return ("min_succeeded", "must be a count from 1, or a share above 0 and below 1");
        if (MaxConcurrency is { } most && IsNone(most))
            return ("max_concurrency", "must be a count from 1, or a share above 0 and below 1");
        if (Batches.Count > MaxBatches || Batches.Any(IsNone))
            return ("batches", "must be at most 100 counts from 1, or shares above 0 and below 1");
        return Abort is { MinExecuted: < 1 } ? ("abort.min_executed", "must be a count from 1") : null;
    }

    /// <summary>How many members have to succeed of so many.</summary>
    public int RequiredOf(int targets) => MinSucceeded?.Of(targets) ?? targets;

    /// <summary>How many executions may be sent and not ended, of so many.</summary>
    public int WindowOf(int targets) => MaxConcurrency?.Of(targets) ?? targets;

    /// <summary>How many members have had their turn at the end of a batch, the first of which is 1.</summary>
    public int LimitOf(int batch, int targets)
    {
        if (batch > Batches.Count)
            return targets;
        int limit = 0;
        for (int i = 0; i < batch; i++)
        {
            bool isEverybody = i == Batches.Count - 1 && Batches[i] == Amount.FromCount(1);
            limit = Math.Max(limit, isEverybody ? targets : Batches[i].Of(targets));
        }
        return Math.Min(limit, targets);
    }

    /// <summary>
    /// How many members of a batch have to succeed: their part of what is required of all targets, rounded up.
    /// </summary>
    public int RequiredOfBatch(int members, int targets) =>
        (int)Math.Min(members, (((long)RequiredOf(targets) * members) + targets - 1) / targets);

    /// <summary>
    /// The plan for so many members that did not succeed, where so many others did: those are not needed a second time.
    /// </summary>
    public CommandPlan ForRetry(int succeeded, int left) => this with
    {
        IsContinuous = false,
        MinSucceeded = MinSucceeded is null
            ? null
            : Amount.FromCount(Math.Clamp(RequiredOf(succeeded + left) - succeeded, 1, left)),
    };

    private static bool IsBetween(TimeSpan span, double leastMs) =>
        span.TotalMilliseconds >= leastMs && span <= MaxDeadline;

    private static bool IsNone(Amount amount) => amount == default;
}

/// <summary>
/// When all of a command is stopped: more than so many of those that carried it out failed, were rejected or timed out in
/// progress, and enough have carried it out. Members that could not be reached are neither.
/// </summary>
/// <param name="Failures">How many are not yet too many; a share is one of those that carried it out.</param>
/// <param name="MinExecuted">Of how few nothing can be said yet.</param>
public sealed record AbortCriteria(Amount Failures, int MinExecuted = 1)
{
    /// <summary>Whether it is met.</summary>
    public bool AreMet(in ExecutionCounts counts) =>
        counts.Executed >= MinExecuted && Failures.IsExceededBy(counts.Failures, counts.Executed);
}
