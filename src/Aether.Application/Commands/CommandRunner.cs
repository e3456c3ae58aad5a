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

    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <summary>Lets an event in, and does what follows, without waiting for that.</summary>
    public async ValueTask<CommandChange> ApplyAsync(
        VisionId group, string id, CommandEvent happened, CancellationToken cancellationToken)
    {
        var change = await store.ApplyAsync(group, id, happened, cancellationToken).ConfigureAwait(false);
        Run(change);
        return change;
    }

    /// <summary>
    /// A connection of a member opened: it gets what it may have missed. A store that cannot be reached is asked again, for as
    /// long as the member is there.
    /// </summary>
    /// <param name="group">The group.</param>
    /// <param name="member">The member.</param>
    /// <param name="role">What it is in the group.</param>
    /// <param name="isThere">Whether it still is; <see langword="null"/>: that is not known here.</param>
    public async Task ConnectAsync(VisionId group, VisionId member, Role role, Func<bool>? isThere = null)
    {
        for (int tries = 0; tries < LoseTries && isThere?.Invoke() != false; tries++)
        {
            var changes = await store.ConnectAsync(group, new MemberConnected(member, role), CancellationToken.None)
                .ConfigureAwait(false);
            foreach (var change in changes ?? [])
                Run(change);
            if (changes is not null)
                return;
            await Task.Delay(Pause, time).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// A connection that has an execution is gone. While the store cannot be reached it is told later: until then what
    /// another connection of the member says is refused.
    /// </summary>
    public Task LoseHolderAsync(VisionId group, ExecutionId execution, string connection) => InsistAsync(
        LoseTries,
        async () => await ApplyAsync(
            group, execution.CommandId, new HolderLost(execution.Index, connection), CancellationToken.None)
            .ConfigureAwait(false));

    /// <summary>Lets something in that nobody says again, and tries again while the store cannot be reached.</summary>
    /// <param name="tries">How often at most, with a second in between.</param>
    /// <param name="apply">Lets it in.</param>
    public async Task InsistAsync(int tries, Func<Task<CommandChange?>> apply)
    {
        while (await apply().ConfigureAwait(false) is { Status: CommandFound.Unavailable or CommandFound.Unknown }
            && --tries > 0)
            await Task.Delay(Pause, time).ConfigureAwait(false);
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
        if (change.Transition.HasEnded)
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
        var left = effects;
        while (left.Count > 0)
        {
            var now = left.Take(AtOnce).ToList();
            left = [.. left.Skip(AtOnce)];
            bool[] published = await Task.WhenAll(now.Select(effect => PublishAsync(command, effect))).ConfigureAwait(false);
            // What is not confirmed is sent again: that nobody hears it is no reason, since whoever connects asks.
            var sent = Published(EffectKind.Send);
            var told = Published(EffectKind.Cancel);
            // Called off meanwhile: whoever has not been sent it yet is not sent it any more.
            if (sent.Count > 0 && await ConfirmAsync(command, new SendingConfirmed(sent)).ConfigureAwait(false) is { } after
                && (after.IsEnding || after.Status.IsEnded()))
                left = [.. left.Where(static effect => effect.Kind != EffectKind.Send)];
            if (told.Count > 0)
                await ConfirmAsync(command, new CancelConfirmed(told)).ConfigureAwait(false);

            List<SentAttempt> Published(EffectKind kind) =>
            [
                .. now.Where((effect, index) => published[index] && effect.Kind == kind)
                    .Select(static effect => new SentAttempt(effect.Index, effect.Attempt)),
            ];
        }
    }

    // As everything else that happens: it may be what comes first after the deadline.
    private async Task<CommandSummary?> ConfirmAsync(CommandSummary command, CommandEvent published) => (await ApplyAsync(
        command.Order.GroupId, command.Order.Id, published, CancellationToken.None).ConfigureAwait(false)).Command;

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
