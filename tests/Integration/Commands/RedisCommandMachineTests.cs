using System.Globalization;
using System.Text;
using Aether.Application.Ports;
using Aether.Domain;
using Aether.Domain.Commands;
using Aether.Infrastructure.Redis;
using Aether.Infrastructure.Redis.Commands;
using Aether.Tests.Integration.Fixtures;
using Aether.Tests.Unit.Commands;
using CsCheck;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>
/// That the script is the domain's machine: any command and any events, by the same clock, and after each event the same
/// command, the same executions, the same answer, the same to do, and the same next time.
/// </summary>
public sealed class RedisCommandMachineTests : IAsyncLifetime
{
    /// <summary>How many commands are tried: more when the variable says so.</summary>
    private static readonly int Times = int.Parse(
        Environment.GetEnvironmentVariable("AETHER_MACHINE_TIMES") ?? "400", CultureInfo.InvariantCulture);

    private RedisServer redis = null!;
    private BusHost host = null!;
    private int lastGroup;

    public async ValueTask InitializeAsync()
    {
        redis = await RedisServer.StartAsync();
        host = await BusHost.StartReadyAsync(redis.ConnectionString);
    }

    public async ValueTask DisposeAsync()
    {
        await host.DisposeAsync();
        await redis.DisposeAsync();
    }

    [Fact]
    public Task Script_ComesToWhatTheDomainComesTo_GivenAnyEventsInAnyOrder() => RandomCommand.Any.SampleAsync(
        random => CompareAsync(
            random.Plan with { Role = random.Members % 3 == 0 ? Role.Worker : Role.None },
            random.Members,
            random.Events.SelectMany((one, i) => Enumerable.Range(0, one.Times).Select(time => new Happened(
                time == 0 ? one.Wait : 0,
                // Most are about somebody, so that few events do much.
                command => WithMore((i % 5 == 0 ? one : one with { Member = one.Member % random.Members }).On(command), i),
                // Some look at the very instant: what is due then is neither before nor after.
                IsWhenDue: one.What == Happening.Looks && one.Member % 2 == 0)))),
        iter: Times,
        threads: 4);

    [Fact]
    public async Task Script_ComesToWhatTheDomainComesTo_GivenManyMembers()
    {
        const int Count = 1_111;
        var all = Amount.FromShare(0.333333333m);
        var plan = new CommandPlan { MinSucceeded = all, Attempts = 2, InProgressTimeout = TimeSpan.FromSeconds(5) };
        CommandPlan[] plans =
        [
            plan,
            plan with { Batches = [Amount.FromCount(3), all, Amount.FromCount(1)], MaxConcurrency = Amount.FromShare(0.9m) },
            plan with { IsContinuous = true, StopAtQuorum = true, MinSucceeded = Amount.FromCount(2) },
            plan with { Abort = new AbortCriteria(Amount.FromShare(0.4m), 3) },
        ];
        foreach (var one in plans)
        {
            foreach (var ending in (CommandEvent[])[new TimePassed(), new CancelAsked()])
            {
                await CompareAsync(one, Count,
                [
                    new(0, Confirm),
                    new(1, Say(0, ExecutionStatus.Succeeded)),
                    new(1, Say(1, ExecutionStatus.InProgress)),
                    new(1, Say(2, ExecutionStatus.Failed)),
                    new(1, Say(2, ExecutionStatus.Failed)),
                    new(0, _ => new MemberConnected(RandomCommand.Member(Count + 7), Role.None)),
                    new(1, Say(3, ExecutionStatus.Rejected)),
                    new(1, Say(4, ExecutionStatus.Succeeded)),
                    new(3_000, _ => ending),
                    new(10_500, _ => ending),
                    new(100, Say(1, ExecutionStatus.Succeeded)),
                    new(60_000, _ => new TimePassed()),
                    new(0, Say(5, ExecutionStatus.Succeeded)),
                ]);
            }
        }

        static CommandEvent Confirm(Command command) => new SendingConfirmed(
            [.. command.Executions.Where(one => one.Index % 2 == 0).Select(one => new SentAttempt(one.Index, 1))]);

        static Func<Command, CommandEvent> Say(int index, ExecutionStatus status) => command =>
            WithMore(new RandomEvent(Happening.Says, index, status, 0, 0, "a", 1).On(command), index);
    }

    /// <summary>Lets the events into both machines, and compares them after each.</summary>
    private async Task CompareAsync(CommandPlan plan, int members, IEnumerable<Happened> events)
    {
        var order = CommandRun.Order(plan) with
        {
            GroupId = Messages.Id("g" + Interlocked.Increment(ref lastGroup)),
            RequestId = "r {}:1",
            Msg = "é",
            Lease = members % 2 == 0 ? new LeaseClaim(Messages.Id("lead"), 1) : null,
        };
        var scripts = host.Get<CommandScripts>();
        VisionId[] all = [.. Enumerable.Range(0, members).Select(RandomCommand.Member)];
        if (order.Lease is not null)
            await HoldAsync(order);
        var command = Command.Start(order, all, CommandRun.Start, out var begun);
        var (status, started) = await scripts.StartAsync(order, all, CommandRun.Start);
        Assert.Equal(StartStatus.Started, status);
        List<(string Expected, Task<string> Found)> steps =
            [(Tell(command, begun), TellAsync(order, Task.FromResult<CommandStep?>(started), command.Version / 2))];
        long now = CommandRun.Start;
        foreach (var one in events)
        {
            now = one.IsWhenDue && command.NextDueAt is { } due ? Math.Max(now, due) : now + one.Wait;
            var happened = one.On(command);
            var transition = command.Apply(happened, now);
            // Not waited for: one connection keeps the order, and so a thousand steps are a few round trips.
            var stepping = ApplyAsync(order, happened, now);
            var telling = TellAsync(order, stepping, command.Version / 2);
            steps.Add(($"{happened}\n{Tell(command, transition)}", SayAsync(happened, telling)));
        }
        foreach (var (expected, found) in steps)
            Assert.Equal(expected, await found);
        var kept = await scripts.GetOrderAsync(order.GroupId, order.Id);
        Assert.Equal(Tell(order), Tell(kept!));

        async Task<CommandStep?> ApplyAsync(CommandOrder to, CommandEvent happened, long at) =>
            (await scripts.ApplyAsync(to.GroupId, to.Id, happened, at))?.Command;

        static async Task<string> SayAsync(CommandEvent happened, Task<string> told) => $"{happened}\n{await told}";
    }

    /// <summary>Gives the giver the lease that its order names, by the clock of the test.</summary>
    private Task HoldAsync(CommandOrder order) => host.Connection.Commands.HashSetAsync(
        host.Get<RedisNames>().LeasesOf(order.GroupId),
        [new("lead:h", order.FromId.Value), new("lead:t", 1), new("lead:e", CommandRun.Start + 1)]);

    private async Task<string> TellAsync(CommandOrder order, Task<CommandStep?> stepping, long since)
    {
        var scripts = host.Get<CommandScripts>();
        var reading = scripts.ReadAsync(order.GroupId, order.Id, 0, CommandPlan.MaxTargets, int.MaxValue, isChanges: false);
        var changing = scripts.ReadAsync(order.GroupId, order.Id, since, 20, int.MaxValue, isChanges: true);
        var due = host.Connection.Commands.SortedSetScoreAsync(
            host.Get<RedisNames>().RunningCommands(order.GroupId), order.Id);
        var (summary, rows, _) = (await reading)!.Value;
        var step = (await stepping)!;
        Assert.Equal(Tell(summary), Tell(step.State.Of(order)));
        return Tell(
            summary,
            step.Transition,
            (long?)await due,
            (await changing)!.Value.Executions.Select(row => row.Execution.Index),
            rows.Select(row => Tell(row.Execution, row.Holder, row.LimitAt, row.SendAgainAt)));
    }

    private static string Tell(Command command, Transition transition) => Tell(
        command.Summarize(),
        transition,
        command.NextDueAt,
        command.ChangedSince(command.Version / 2, 20).Select(one => one.Index),
        command.Executions.Select(one => Tell(one.Summarize(), one.Holder, one.LimitAt, one.SendAgainAt)));

    private static string Tell(
        CommandSummary command, Transition transition, long? due, IEnumerable<int> changed, IEnumerable<string> executions) =>
        $"""
        {transition.Verdict} {transition.Status} {transition.IsCanceled} {transition.HasEnded} {transition.TakenAfterMs} due {due}
        {string.Join(", ", transition.Effects.Select(one => $"{one.Kind} {one.Index} {one.Member}/{one.Attempt}"))}
        {Tell(command)}
        {string.Join(' ', changed)}
        {string.Join('\n', executions)}
        """;

    private static string Tell(CommandSummary command) =>
        $"{command.Status} {command.Reason} {command.IsEnding} {command.Batch} {command.Counts} {command.CreatedAt} "
        + $"{command.DeadlineAt} {command.EndedAt} {command.Version}";

    private static string Tell(ExecutionSummary one, string? holder, long limitAt, long sendAgainAt) =>
        $"{one.Index} {one.Member} {one.Status} {one.Attempt} {holder} {limitAt} {sendAgainAt} {one.UpdatedAt} {one.Version} "
        + $"{Text(one.Progress)} {Text(one.Result)} {one.Error} "
        + $"{one.Late?.Attempt} {one.Late?.Status} {Text(one.Late?.Result ?? default)} {one.Late?.Error} {one.Late?.At}";

    private static string Tell(CommandOrder order) =>
        $"{order with { Payload = default, Plan = order.Plan with { Batches = [] } }} {Text(order.Payload)} "
        + string.Join(' ', order.Plan.Batches);

    private static string Text(ReadOnlyMemory<byte> json) => Encoding.UTF8.GetString(json.Span);

    /// <summary>The event, with something that the member says of it now and then, and with a role.</summary>
    private static CommandEvent WithMore(CommandEvent happened, int i) => happened switch
    {
        MemberReported { Report: var report } => new MemberReported(report with
        {
            Progress = report.Status == ExecutionStatus.InProgress && i % 2 == 0 ? Json(i) : default,
            Result = report.Status != ExecutionStatus.InProgress && i % 3 == 0 ? Json(i) : default,
            Error = report.Status == ExecutionStatus.Failed && i % 4 > 0
                ? new ExecutionError("c" + i, i % 4 == 1 ? null : "Ö \" " + i)
                : null,
        }),
        MemberConnected member => member with { Role = i % 2 == 0 ? Role.Worker : Role.None },
        _ => happened,
    };

    private static byte[] Json(int i) => Encoding.UTF8.GetBytes($$"""{"é 1":{{i}}}""");

    /// <summary>An event, so long after the one before, or at the instant at which something is due.</summary>
    private sealed record Happened(long Wait, Func<Command, CommandEvent> On, bool IsWhenDue = false);
}
