using Aether.Application.Ports;
using Aether.Domain;
using Aether.Domain.Commands;
using Aether.Infrastructure.Redis.Connections;
using Aether.Infrastructure.Redis.Health;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;
using CommandStatus = Aether.Domain.Commands.CommandStatus;

namespace Aether.Infrastructure.Redis.Commands;

/// <summary>
/// Commands in Redis: the machine is a script, so that each event is decided once, whatever instance it comes from. When to
/// look at a group stands in a list of its own, and whoever looks first does what is due.
/// </summary>
internal sealed partial class RedisCommandStore(
    RedisConnection connection,
    RedisHealth health,
    RedisInstances instances,
    CommandScripts scripts,
    TimeProvider time,
    ILogger<RedisCommandStore> logger) : ICommandStore
{
    private static readonly Transition Nothing = new(Verdict.Unknown, []);

    private readonly KnownOrders orders = new();
    private readonly LogThrottle failureLog = new(time);

    // Asked first: what was never sent was surely not done.
    private bool CanAsk => health.CanPublish && connection.Sharded is not null;

    public async ValueTask<CommandStart> StartAsync(
        CommandOrder order, IReadOnlyList<VisionId> members, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(members.Count, CommandPlan.MaxTargets);
        if (!CanAsk)
            return CommandStart.Not(StartStatus.Unavailable, NotConnected());
        bool isTold = false;
        try
        {
            // First, and for the earliest that can be: who dies in between leaves a group to look at in vain, and never a
            // command that nobody looks at.
            var look = new Look(order.GroupId, FirstDueMs(order.Plan));
            await scripts.TellAsync(look).ConfigureAwait(false);
            isTold = true;
            var (status, step) = await scripts.StartAsync(order, members).ConfigureAwait(false);
            if (step is null)
                return CommandStart.Not(status);
            if (status == StartStatus.Repeated)
            {
                return await OrderOfAsync(order.GroupId, step.Id).ConfigureAwait(false) is { } first
                    ? new CommandStart(status, step.State.Of(first), [])
                    : CommandStart.Not(StartStatus.Unknown, BackplaneFault.Refused);
            }
            orders.Keep(order);
            // Somebody may have looked before there was anything, also where the group was to be looked at sooner anyway.
            Tell(look);
            return new CommandStart(status, step.State.Of(order), step.Transition.Effects);
        }
        catch (Exception e) when (RedisFaults.IsExpected(e))
        {
            var fault = Failed(e);
            // Redis has answered that it does not, or was not asked to begin: or nobody knows how far it came.
            return CommandStart.Not(
                e is RedisServerException || !isTold ? StartStatus.Unavailable : StartStatus.Unknown, fault);
        }
    }

    public async ValueTask<CommandChange> ApplyAsync(
        VisionId group, string id, CommandEvent happened, CancellationToken cancellationToken)
    {
        if (!CanAsk)
            return new CommandChange(CommandFound.Unavailable, null, Nothing, NotConnected());
        try
        {
            var change = await ApplyAsync(group, id, happened).ConfigureAwait(false);
            if (change.Holder is not { } holder || happened is not MemberReported { Report: var report }
                || !await instances.IsGoneAsync(holder).ConfigureAwait(false))
                return change.Change;
            // Nobody else will say so: whoever could have is gone with the connection.
            var lost = (await ApplyAsync(group, id, new HolderLost(report.Index, holder)).ConfigureAwait(false)).Change;
            var again = (await ApplyAsync(group, id, happened).ConfigureAwait(false)).Change;
            // Also the first of them may have been what came first after the deadline.
            bool hasEnded = change.Change.Transition.HasEnded || lost.Transition.HasEnded || again.Transition.HasEnded;
            return again with { Transition = again.Transition with { HasEnded = hasEnded } };
        }
        catch (Exception e) when (RedisFaults.IsExpected(e))
        {
            var fault = Failed(e);
            return new CommandChange(
                e is RedisServerException ? CommandFound.Unavailable : CommandFound.Unknown, null, Nothing, fault);
        }
    }

    public async ValueTask<bool?> HasRunningAsync(VisionId group, CancellationToken cancellationToken) =>
        await AskAsync<object>(async () => await scripts.HasRunningAsync(group).ConfigureAwait(false))
            .ConfigureAwait(false) as bool?;

    public async ValueTask<IReadOnlyList<CommandChange>?> ConnectAsync(
        VisionId group, MemberConnected member, CancellationToken cancellationToken) =>
        await AskAsync(async () =>
        {
            var (steps, look) = await scripts.ConnectAsync(group, member).ConfigureAwait(false);
            Tell(look);
            return await ChangesAsync(group, steps).ConfigureAwait(false);
        }).ConfigureAwait(false);

    public async ValueTask<CommandPage> GetAsync(
        VisionId group, string id, int offset, int limit, int maxBytes, CancellationToken cancellationToken) =>
        await ReadAsync(group, id, offset, limit, maxBytes, isChanges: false).ConfigureAwait(false);

    public async ValueTask<CommandPage> GetChangesAsync(
        VisionId group, string id, long after, int limit, CancellationToken cancellationToken) =>
        await ReadAsync(group, id, after, limit, CommandPage.MaxBytes, isChanges: true).ConfigureAwait(false);

    public async ValueTask<IReadOnlyList<long>?> GetVersionsAsync(
        VisionId group, IReadOnlyList<string> ids, CancellationToken cancellationToken) =>
        await AskAsync(() => scripts.GetVersionsAsync(group, ids)).ConfigureAwait(false);

    public async ValueTask<CommandList?> ListAsync(
        VisionId group, CommandStatus? status, int offset, int limit, CancellationToken cancellationToken) =>
        await AskAsync(() => scripts.ListAsync(group, status, offset, limit)).ConfigureAwait(false);

    /// <summary>When something is due in a command at the earliest, after it has begun.</summary>
    private static long FirstDueMs(CommandPlan plan) => Math.Min(
        Command.SendAgainMs, (long)Math.Min(plan.DeliveryTimeout.TotalMilliseconds, plan.Deadline.TotalMilliseconds));

    private async Task<(CommandChange Change, string? Holder)> ApplyAsync(VisionId group, string id, CommandEvent happened)
    {
        // Behind each other on one connection, and first: what is known to be done must not be left undone for that.
        var asked = OrderOfAsync(group, id);
        var stepping = scripts.ApplyAsync(group, id, happened);
        await Task.WhenAll(asked, stepping).ConfigureAwait(false);
        if (await stepping.ConfigureAwait(false) is not { } done || await asked.ConfigureAwait(false) is not { } order)
            return (CommandChange.NotFound, null);
        Tell(done.Look);
        return (
            new CommandChange(CommandFound.Found, done.Command.State.Of(order), done.Command.Transition), done.Command.Holder);
    }

    private async Task<List<CommandChange>> ChangesAsync(VisionId group, CommandStep[] steps)
    {
        var asked = await Task.WhenAll(steps.Select(step => OrderOfAsync(group, step.Id))).ConfigureAwait(false);
        var changes = new List<CommandChange>(steps.Length);
        foreach (var (step, order) in steps.Zip(asked))
        {
            if (order is not null)
            {
                changes.Add(new CommandChange(
                    CommandFound.Found, step.State.Of(order), step.Transition, LateMs: step.LateMs));
            }
        }
        return changes;
    }

    private async Task<CommandOrder?> OrderOfAsync(VisionId group, string id)
    {
        if (orders.Find(group, id) is { } known)
            return known;
        try
        {
            var order = await scripts.GetOrderAsync(group, id).ConfigureAwait(false);
            if (order is not null)
                orders.Keep(order);
            return order;
        }
        catch (RedisServerException e) when (e.Kind == RedisErrorKind.WrongType)
        {
            // Somebody else's, under the name of a command.
            return null;
        }
    }

    private async Task<CommandPage> ReadAsync(
        VisionId group, string id, long from, int limit, int maxBytes, bool isChanges)
    {
        if (!CanAsk)
        {
            NotConnected();
            return CommandPage.Unavailable;
        }
        try
        {
            return await scripts.ReadAsync(group, id, from, limit, maxBytes, isChanges).ConfigureAwait(false)
                is var (command, rows, isCut)
                ? new CommandPage(CommandFound.Found, command, [.. rows.Select(static row => row.Execution)])
                {
                    IsCut = isCut,
                }
                : CommandPage.NotFound;
        }
        catch (RedisServerException e) when (e.Kind == RedisErrorKind.WrongType)
        {
            // Somebody else's, under the name of a command.
            return CommandPage.NotFound;
        }
        catch (Exception e) when (RedisFaults.IsExpected(e))
        {
            Failed(e);
            return CommandPage.Unavailable;
        }
    }

    private async Task<T?> AskAsync<T>(Func<Task<T>> ask)
        where T : class
    {
        if (!CanAsk)
        {
            NotConnected();
            return null;
        }
        try
        {
            return await ask().ConfigureAwait(false);
        }
        catch (Exception e) when (RedisFaults.IsExpected(e))
        {
            Failed(e);
            return null;
        }
    }

    /// <summary>
    /// Nobody waits for it, and it may fail: a group in which commands run is looked at every few seconds anyway.
    /// </summary>
    private void Tell(Look look)
    {
        if (look.InMs >= 0)
            RedisFaults.Observe(scripts.TellAsync(look));
    }

    private BackplaneFault NotConnected()
    {
        Report("not connected");
        return BackplaneFault.Unreachable;
    }

    private BackplaneFault Failed(Exception e)
    {
        Report(RedisFaults.Describe(e));
        return RedisFaults.FaultOf(e);
    }

    private void Report(string error)
    {
        if (failureLog.Passes(out long count))
            logger.CommandsFailed(error, count);
    }
}

/// <summary>What the store of commands writes to the log.</summary>
internal static partial class RedisCommandLog
{
    [LoggerMessage(150, LogLevel.Warning, "Redis could not be asked about commands ({Error}, {Count} since the last report)",
        EventName = "RedisCommandsFailed")]
    public static partial void CommandsFailed(this ILogger logger, string error, long count);
}
