namespace Aether.Domain.Commands;

/// <content>Whose turn it is, and when all of it is over.</content>
public sealed partial class Command
{
    // How many have had their turn: executions have it in their order, and never a second time.
    private int started;

    // How many have it by the end of the batch that has begun, may be open at a time, and have to succeed.
    private int limit;
    private int window;
    private int required;

    private long endingAt;

    /// <summary>Computes what depends on how many targets there are.</summary>
    private void Rescale()
    {
        var plan = Order.Plan;
        limit = plan.LimitOf(Batch, executions.Count);
        window = plan.WindowOf(executions.Count);
        required = plan.RequiredOf(executions.Count);
    }

    /// <summary>After a change: whatever follows of it for the command as a whole.</summary>
    private void Reconcile()
    {
        if (Ending is null)
        {
            if (Order.Plan.Abort?.AreMet(counts) ?? false)
                CallOff(CommandStatus.Aborted, CommandReason.TooManyFailed);
            else if (Order.Plan.StopAtQuorum && counts.Succeeded >= required)
                CallOff(CommandStatus.Succeeded, CommandReason.QuorumReached);
            else
                GoOn();
        }
        else if (counts.Open == 0)
        {
            End(Ending.Value);
        }
    }

    private void GoOn()
    {
        if (Status != CommandStatus.InProgress)
            return;
        Fill();
        while (started == limit && counts.Open == 0)
        {
            if (limit == executions.Count)
            {
                // Whoever comes until the deadline is a target too.
                if (!Order.Plan.IsContinuous)
                    EndByCounts();
                return;
            }
            if (now >= DeadlineAt || PauseIfDue())
                return;
            BeginNextBatch();
            Fill();
        }
    }

    /// <summary>Gives their turn to as many as may have it now.</summary>
    private void Fill()
    {
        while (started < limit && counts.Open < window && now < DeadlineAt)
            Send(executions[started++]);
    }

    private void Send(Execution execution)
    {
        execution.Attempt++;
        execution.Holder = null;
        execution.Progress = default;
        Move(execution, ExecutionStatus.Sent);
        SetTimer(execution, now + Ms(Order.Plan.DeliveryTimeout), now + SendAgainMs);
        AddEffect(EffectKind.Send, execution);
    }

    /// <summary>Asks an open execution's member once more, in the place that it has, if it may be asked again.</summary>
    private bool TrySendNextAttempt(Execution execution)
    {
        if (Ending is not null || now >= DeadlineAt || execution.Attempt >= Order.Plan.Attempts)
            return false;
        Send(execution);
        return true;
    }

    private bool PauseIfDue()
    {
        int first = Order.Plan.LimitOf(Batch - 1, executions.Count);
        int succeeded = executions.Skip(first).Take(limit - first).Count(one => one.Status == ExecutionStatus.Succeeded);
        var reason = succeeded < Order.Plan.RequiredOfBatch(limit - first, executions.Count) ? CommandReason.TooFewSucceeded
            : Order.Plan.Pause ? CommandReason.BatchEnded
            : CommandReason.None;
        if (reason == CommandReason.None)
            return false;
        (Status, Reason) = (CommandStatus.Paused, reason);
        Version++;
        return true;
    }

    private void Resume()
    {
        (Status, Reason) = (CommandStatus.InProgress, CommandReason.None);
        BeginNextBatch();
        Reconcile();
    }

    /// <summary>Goes to the next batch that has somebody whose turn has not come.</summary>
    private void BeginNextBatch()
    {
        do
            limit = Order.Plan.LimitOf(++Batch, executions.Count);
        while (limit <= started && limit < executions.Count);
        Version++;
    }

    /// <summary>Begins to end: nothing more is sent, and who is at it has some time to stop.</summary>
    private void CallOff(CommandStatus end, CommandReason reason)
    {
        Ending = end;
        (Status, Reason) = (CommandStatus.InProgress, reason);
        endingAt = Math.Min(now + CancelGraceMs, DeadlineAt);
        Version++;
        ClearTimers();
        foreach (var execution in executions)
        {
            if (execution.Status == ExecutionStatus.Queued)
                Move(execution, ExecutionStatus.Canceled);
            else if (execution.Status.IsOpen())
                // Also who got it by the same event, before it was known that all is called off: behind the command.
                Cancel(execution);
        }
        if (counts.Open == 0)
            End(end);
    }

    /// <summary>Asks a member to stop. Its limits rest, but until it is surely told that is due again.</summary>
    private void Cancel(Execution execution)
    {
        SetTimer(execution, 0, now + SendAgainMs);
        AddEffect(EffectKind.Cancel, execution);
    }

    private void PassTime()
    {
        // In the order in which they were due, so that it is the same whether somebody looks in time or late.
        long until = Math.Min(now, DeadlineAt);
        while (!Status.IsEnded() && timers.Count > 0 && timers.Min.At <= until)
        {
            var execution = executions[timers.Min.Index];
            if (execution.LimitAt != 0 && execution.LimitAt <= until)
                Expire(execution);
            else
                SendAgain(execution);
        }
        if (Status.IsEnded())
            return;
        if (Ending is not null && now >= endingAt)
            EndOpen(ExecutionStatus.Canceled, Ending.Value);
        else if (now >= DeadlineAt)
            EndAtDeadline();
    }

    private void Expire(Execution execution)
    {
        if (execution.Status == ExecutionStatus.InProgress && TrySendNextAttempt(execution))
            return;
        SetTimer(execution, 0, 0);
        Move(execution, execution.Status == ExecutionStatus.Sent ? ExecutionStatus.Undeliverable : ExecutionStatus.TimedOut);
        Reconcile();
    }

    private void SendAgain(Execution execution)
    {
        if (Ending is not null)
        {
            Cancel(execution);
            return;
        }
        SetTimer(execution, execution.LimitAt, now + SendAgainMs);
        if (now < DeadlineAt)
            AddEffect(EffectKind.Send, execution);
    }

    private void EndAtDeadline()
    {
        bool isCut = counts.Queued + counts.Open > 0;
        if (isCut && counts.Succeeded < required)
        {
            Reason = CommandReason.DeadlineOver;
            EndOpen(ExecutionStatus.TimedOut, CommandStatus.TimedOut);
            return;
        }
        Reason = isCut ? CommandReason.DeadlineOver : CommandReason.None;
        EndOpen(ExecutionStatus.TimedOut, ByCounts());
    }

    private void EndOpen(ExecutionStatus executionsEnd, CommandStatus end)
    {
        foreach (var execution in executions)
        {
            if (!execution.Status.IsEnded())
                Move(execution, executionsEnd);
        }
        End(end);
    }

    private void EndByCounts()
    {
        Reason = CommandReason.None;
        End(ByCounts());
    }

    private CommandStatus ByCounts() => counts.Succeeded >= required ? CommandStatus.Succeeded
        : counts.Succeeded > 0 ? CommandStatus.Incomplete
        : CommandStatus.Failed;

    private void End(CommandStatus end)
    {
        Status = end;
        EndedAt = now;
        Version++;
        ClearTimers();
    }
}
