namespace Aether.Domain.Commands;

/// <content>What each event does.</content>
public sealed partial class Command
{
    private static readonly IReadOnlyList<Effect> NoEffects = [];

    private List<Effect>? effects;

    // The time of the event that is being taken.
    private long now;

    /// <summary>Takes an event.</summary>
    /// <param name="happened">What happened.</param>
    /// <param name="at">The time, in Unix ms by the store's clock.</param>
    public Transition Apply(CommandEvent happened, long at)
    {
        bool hadEnded = Status.IsEnded();
        var transition = Take(happened, at);
        return transition with { HasEnded = !hadEnded && Status.IsEnded() };
    }

    private Transition Take(CommandEvent happened, long at)
    {
        now = at;
        long before = Version;
        // Whoever is late to look at the clock changes nothing: after the deadline a word is too late.
        if (!Status.IsEnded() && now >= DeadlineAt)
            PassTime();
        switch (happened)
        {
            case MemberReported { Report: var report }:
                return Report(report);
            case MemberConnected member:
                Connect(member);
                break;
            case HolderLost lost when lost.Index >= 0 && lost.Index < executions.Count:
                if (executions[lost.Index].Holder == lost.Holder)
                    executions[lost.Index].Holder = null;
                break;
            case SendingConfirmed { Sent: var sent }:
                Confirm(sent, isCancel: false);
                break;
            case CancelConfirmed { Told: var told }:
                Confirm(told, isCancel: true);
                break;
            case TimePassed when !Status.IsEnded():
                PassTime();
                break;
            case CancelAsked when !Status.IsEnded() && Ending is null:
                CallOff(CommandStatus.Canceled, CommandReason.Requested);
                break;
            case ResumeAsked when Status == CommandStatus.Paused:
                Resume();
                break;
        }
        return Done(Version > before ? Verdict.Applied : Verdict.Unchanged);
    }

    private Transition Report(ExecutionReport report)
    {
        if (report.Index < 0 || report.Index >= executions.Count || executions[report.Index].Member != report.Member)
            return Done(Verdict.Unknown);
        var execution = executions[report.Index];
        if (report.Attempt != execution.Attempt || report.Attempt == 0)
        {
            if (report.Attempt > 0 && report.Attempt < execution.Attempt)
                KeepLate(execution, report);
            return Done(Verdict.Stale, execution, report);
        }
        if (execution.Holder is { } holder && holder != report.By)
        {
            // The same end again: the answer was lost with the connection that said it, and it is as this one says.
            bool isKnown = report.Status.IsEnded() && report.Status == execution.Status;
            return Done(isKnown ? Verdict.Unchanged : Verdict.Stale, execution, report);
        }
        if (IsDecided(execution))
            return Done(Verdict.Unchanged, execution, report);
        if (Status.IsEnded())
            return Done(KeepLate(execution, report) ? Verdict.Late : Verdict.Unchanged, execution, report);
        // Who is being called off does not begin again.
        if (Ending is not null && execution.Status.IsGuess() && report.Status == ExecutionStatus.InProgress)
            return Done(Verdict.Unchanged, execution, report);
        long? takenAfterMs = execution.Status == ExecutionStatus.Sent ? now - execution.UpdatedAt : null;
        Take(execution, report);
        Reconcile();
        return Done(Verdict.Applied, execution, report) with { TakenAfterMs = takenAfterMs };
    }

    /// <summary>
    /// Whether the end of an execution is the member's own word, which stays. That it was called off may be the server's.
    /// </summary>
    private bool IsDecided(Execution execution) =>
        execution.Status is ExecutionStatus.Succeeded or ExecutionStatus.Failed or ExecutionStatus.Rejected
        || (execution.Status == ExecutionStatus.Canceled && !Status.IsEnded());

    private void Take(Execution execution, ExecutionReport report)
    {
        if (report.Status == ExecutionStatus.InProgress)
        {
            execution.Holder = report.By;
            if (!report.Progress.IsEmpty)
                execution.Progress = report.Progress;
            Move(execution, ExecutionStatus.InProgress);
            // That it is to stop is said until that is confirmed, also to who works on.
            SetTimer(execution, InProgressLimit(), Ending is null ? 0 : execution.SendAgainAt);
            return;
        }
        execution.Error = report.Error;
        // One that had been given up has left its place to others.
        if (report.Status == ExecutionStatus.Failed && execution.Status.IsOpen() && TrySendNextAttempt(execution))
            return;
        execution.Holder = report.By;
        execution.Result = report.Result;
        Move(execution, report.Status);
        SetTimer(execution, 0, 0);
    }

    /// <summary>Keeps what came too late: how it ended after all, not how far it was.</summary>
    private bool KeepLate(Execution execution, ExecutionReport report)
    {
        if (!report.Status.IsEnded())
            return false;
        execution.Late = new LateWord(report.Attempt, report.Status, report.Result, report.Error, now);
        return true;
    }

    private void Connect(MemberConnected member)
    {
        if (Status.IsEnded())
            return;
        if (TryFind(member.Member, out var execution))
        {
            // Also the one that was not taken may have come to a connection that is gone now.
            if (Ending is not null && execution.Status.IsOpen())
                AddEffect(EffectKind.Cancel, execution);
            else if (execution.Status == ExecutionStatus.Sent)
                AddEffect(EffectKind.Send, execution);
            return;
        }
        bool isTarget = Order.Plan.IsContinuous && Ending is null && executions.Count < CommandPlan.MaxTargets
            && (Order.Plan.Role == Role.None || Order.Plan.Role == member.Role)
            && member.Member != Order.FromId;
        if (!isTarget)
            return;
        Add(member.Member);
        Touch(executions[^1]);
        Rescale();
        Reconcile();
    }

    /// <summary>Notes what was published. Late word of the command itself says nothing of its being called off.</summary>
    private void Confirm(IReadOnlyList<SentAttempt> published, bool isCancel)
    {
        if (isCancel != Ending is not null)
            return;
        foreach (var (index, attempt) in published)
        {
            if (index < 0 || index >= executions.Count)
                continue;
            var execution = executions[index];
            bool isMeant = isCancel ? execution.Status.IsOpen() : execution.Status == ExecutionStatus.Sent;
            if (isMeant && execution.Attempt == attempt)
                SetTimer(execution, execution.LimitAt, 0);
        }
    }

    private long InProgressLimit()
    {
        long limit = Ms(Order.Plan.InProgressTimeout);
        return limit == 0 || Ending is not null ? 0 : now + limit;
    }

    private void AddEffect(EffectKind kind, Execution execution) =>
        (effects ??= []).Add(new Effect(kind, execution.Index, execution.Member, execution.Attempt));

    private Transition Done(Verdict verdict)
    {
        IReadOnlyList<Effect> todo = effects ?? NoEffects;
        effects = null;
        return new Transition(verdict, todo);
    }

    private Transition Done(Verdict verdict, Execution execution, ExecutionReport report) => Done(verdict) with
    {
        Status = execution.Status,
        // Who says that it has stopped need not be told to.
        IsCanceled = report.Status == ExecutionStatus.InProgress && (Ending is not null || Status.IsEnded())
            && execution.Status is not (ExecutionStatus.Succeeded or ExecutionStatus.Failed or ExecutionStatus.Rejected),
    };
}
