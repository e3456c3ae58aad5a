using Aether.Application.Instrumentation;
using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Domain;
using Aether.Domain.Commands;
using Microsoft.Extensions.Logging;

namespace Aether.Application.Commands;

/// <summary>
/// Lets events into commands, and does what has to be done then: sends members their attempts, asks them to stop, and
/// tells whoever watches. What it decided and could not do is due again, here or on another instance.
/// </summary>
internal sealed class CommandRunner(
    ICommandStore store,
    IMessageBus bus,
    ServerMessages messages,
    CommandWatches watches,
    TimeProvider time,
    RealtimeMetrics? metrics = null,
    ILogger<CommandRunner>? logger = null)
{
    // Published before any of them is waited for; then they are confirmed in one step.
    private const int AtOnce = 500;

    private const int LoseTries = 600;

    private static readonly TimeSpan LosePause = TimeSpan.FromSeconds(1);

    /// <summary>Lets an event in, and does what follows, without waiting for that.</summary>
    public async ValueTask<CommandChange> ApplyAsync(
        VisionId group, string id, CommandEvent happened, CancellationToken cancellationToken)
    {
        var change = await store.ApplyAsync(group, id, happened, cancellationToken).ConfigureAwait(false);
        Run(change);
        return change;
    }

    /// <summary>A connection of a member opened: it gets what it may have missed.</summary>
    public async Task ConnectAsync(VisionId group, VisionId member, Role role)
    {
        var changes = await store.ConnectAsync(group, new MemberConnected(member, role), CancellationToken.None)
            .ConfigureAwait(false);
        foreach (var change in changes ?? [])
            Run(change);
    }

    /// <summary>
    /// A connection that has an execution is gone. While the store cannot be reached it is told later: until then what
    /// another connection of the member says is refused.
    /// </summary>
    public async Task LoseHolderAsync(VisionId group, ExecutionId execution, string connection)
    {
        var lost = new HolderLost(execution.Index, connection);
        for (int tries = 0; tries < LoseTries; tries++)
        {
            var change = await ApplyAsync(group, execution.CommandId, lost, CancellationToken.None).ConfigureAwait(false);
            if (change.Status is CommandFound.Found or CommandFound.NotFound)
                return;
            await Task.Delay(LosePause, time).ConfigureAwait(false);
        }
    }

    /// <summary>Does what is due.</summary>
    /// <param name="limit">In how many commands at most.</param>
    /// <returns>Whether there may be more.</returns>
    public async Task<bool> PassTimeAsync(int limit)
    {
        var changes = await store.PassTimeAsync(limit, CancellationToken.None).ConfigureAwait(false);
        foreach (var change in changes ?? [])
            Run(change);
        return changes?.Count >= limit;
    }

    /// <summary>Does what an event led to.</summary>
    public void Run(CommandChange change)
    {
        if (change.Command is not { } command)
            return;
        if (change.Transition.TakenAfterMs is { } takenAfterMs)
            metrics?.ExecutionTaken(takenAfterMs);
        if (change.LateMs is { } lateMs)
            metrics?.CommandWasDue(lateMs);
        if (change.Transition.Verdict == Verdict.Applied && command.Status.IsEnded())
            metrics?.CommandEnded(command);
        Run(command, change.Transition.Effects);
    }

    /// <summary>Does what has to be done for a command.</summary>
    public void Run(CommandSummary command, IReadOnlyList<Effect> effects)
    {
        watches.Nudge(command);
        if (effects.Count > 0)
            Run(DoAsync(command, effects));
    }

    /// <summary>Sees to it that a fault of what nobody waits for is told.</summary>
    public void Run(Task work) => _ = ObserveAsync(work);

    internal async Task DoAsync(CommandSummary command, IReadOnlyList<Effect> effects)
    {
        for (int from = 0; from < effects.Count; from += AtOnce)
        {
            int until = Math.Min(effects.Count, from + AtOnce);
            var publishing = new Task<bool>[until - from];
            for (int i = from; i < until; i++)
                publishing[i - from] = PublishAsync(command, effects[i]);
            bool[] published = await Task.WhenAll(publishing).ConfigureAwait(false);
            var sent = new List<SentAttempt>(published.Length);
            for (int i = from; i < until; i++)
            {
                if (published[i - from] && effects[i].Kind == EffectKind.Send)
                    sent.Add(new SentAttempt(effects[i].Index, effects[i].Attempt));
            }
            // What is not confirmed is sent again: that nobody hears it is no reason, since whoever connects asks.
            if (sent.Count > 0)
            {
                await store.ApplyAsync(
                    command.Order.GroupId, command.Order.Id, new SendingConfirmed(sent), CancellationToken.None)
                    .ConfigureAwait(false);
            }
        }
    }

    private async Task<bool> PublishAsync(CommandSummary command, Effect effect)
    {
        var result = await bus
            .PublishAsync(ChannelName.Client(effect.Member), ToMessage(command, effect), CancellationToken.None)
            .ConfigureAwait(false);
        return result.Accepted;
    }

    private Message ToMessage(CommandSummary command, Effect effect)
    {
        var order = command.Order;
        string execution = new ExecutionId(order.Id, effect.Index).ToString();
        return effect.Kind == EffectKind.Cancel
            ? messages.ExecutionCancel(effect.Member, order.GroupId, execution, effect.Attempt)
            : new Message
            {
                Type = MessageType.Cmd,
                Target = Target.Direct,
                FromId = order.FromId,
                ToId = effect.Member,
                GroupId = order.GroupId,
                Cmd = order.Cmd,
                Msg = order.Msg,
                Payload = order.Payload,
                SentAt = time.GetUtcNow().UtcDateTime,
                Id = execution,
                Lease = order.Lease,
                Execution = new ExecutionAttempt(order.Id, effect.Attempt, UnixTime.From(command.DeadlineAt)),
            };
    }

    private async Task ObserveAsync(Task work)
    {
        try
        {
            await work.ConfigureAwait(false);
        }
        catch (Exception fault)
        {
            logger?.CommandWorkFailed(fault.GetType().Name);
        }
    }
}

/// <summary>Instants of the stores.</summary>
internal static class UnixTime
{
    /// <summary>The time (UTC) of so many ms.</summary>
    public static DateTime From(long unixMs) => DateTimeOffset.FromUnixTimeMilliseconds(unixMs).UtcDateTime;
}

/// <summary>What commands write to the log.</summary>
internal static partial class CommandLog
{
    [LoggerMessage(160, LogLevel.Error, "What a command led to could not be done now ({Fault}); it is tried again",
        EventName = "CommandWorkFailed")]
    public static partial void CommandWorkFailed(this ILogger logger, string fault);
}
