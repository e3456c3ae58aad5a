using Aether.Domain;
using Aether.Domain.Commands;
using CsCheck;

namespace Aether.Tests.Unit.Commands;

/// <summary>A plan, how many members, and a list of what happens when: in any order, twice, late.</summary>
internal sealed record RandomCommand(CommandPlan Plan, int Members, IReadOnlyList<RandomEvent> Events)
{
    private static readonly Gen<Amount> AnyAmount = Gen.Frequency(
        (2, Gen.Int[1, 6].Select(Amount.FromCount)),
        (1, Gen.Int[1, 99].Select(hundredths => Amount.FromShare(hundredths / 100m))));

    private static readonly Gen<TimeSpan> AnyTime =
        OneOf(500, 1_000, 3_000, 10_000).Select(ms => TimeSpan.FromMilliseconds(ms));

    private static readonly Gen<CommandPlan> AnyPlan =
        from times in Gen.Select(AnyTime, AnyTime, OneOf(4_000, 20_000, 60_000), Gen.Bool)
        from often in Gen.Select(Gen.Int[1, 3], Maybe(AnyAmount), Maybe(AnyAmount), AnyAmount.Array[0, 4])
        from abort in Maybe(Gen.Select(
            Gen.Frequency((1, Gen.Const(Amount.FromCount(0))), (3, AnyAmount)),
            Gen.Int[1, 5],
            (failures, min) => new AbortCriteria(failures, min)))
        from flags in Gen.Select(Gen.Bool, Gen.Bool, Gen.Int[0, 3])
        select new CommandPlan
        {
            DeliveryTimeout = times.Item1,
            InProgressTimeout = times.Item4 ? times.Item2 : TimeSpan.Zero,
            Deadline = TimeSpan.FromMilliseconds(times.Item3),
            Attempts = often.Item1,
            MinSucceeded = often.Item2,
            MaxConcurrency = often.Item3,
            Batches = often.Item4,
            Abort = abort,
            StopAtQuorum = flags.Item1,
            Pause = flags.Item2,
            IsContinuous = flags.Item3 == 0,
        };

    private static readonly Gen<RandomEvent> AnyEvent = Gen.Select(
        Gen.Frequency(
            (14, Gen.Const(Happening.Says)),
            (5, Gen.Const(Happening.Looks)),
            (3, Gen.Const(Happening.Connects)),
            (2, Gen.Const(Happening.Confirms)),
            (2, Gen.Const(Happening.Resumes)),
            (1, Gen.Const(Happening.Loses)),
            (1, Gen.Const(Happening.Cancels))),
        Gen.Int[0, 12],
        OneOf(
            ExecutionStatus.InProgress, ExecutionStatus.InProgress, ExecutionStatus.Succeeded, ExecutionStatus.Succeeded,
            ExecutionStatus.Failed, ExecutionStatus.Rejected, ExecutionStatus.Canceled),
        Gen.Frequency((6, Gen.Const(0)), (2, Gen.Const(-1)), (1, Gen.Const(1))),
        Gen.Frequency((4, Gen.Const(0L)), (4, Gen.Long[1, 900]), (1, Gen.Long[1_000, 6_000])),
        Gen.Frequency((4, Gen.Const("a")), (1, Gen.Const("b"))),
        Gen.Frequency((4, Gen.Const(1)), (1, Gen.Const(2))),
        (what, member, status, attempt, wait, by, times) =>
            new RandomEvent(what, member, status, attempt, wait, by, times));

    public static Gen<RandomCommand> Any { get; } = Gen.Select(
        AnyPlan, Gen.Int[1, 10], AnyEvent.Array[1, 80], (plan, members, events) => new RandomCommand(plan, members, events));

    public static VisionId Member(int i) => VisionId.Parse("m" + i);

    public Command Begin(out Transition begun) => Command.Start(
        CommandRun.Order(Plan), [.. Enumerable.Range(0, Members).Select(Member)], CommandRun.Start, out begun);

    private static Gen<T> OneOf<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    private static Gen<T?> Maybe<T>(Gen<T> gen)
        where T : struct => Gen.Select(gen, Gen.Bool, (value, there) => there ? value : (T?)null);

    private static Gen<AbortCriteria?> Maybe(Gen<AbortCriteria> gen) =>
        Gen.Select(gen, Gen.Bool, (value, there) => there ? value : null);
}

/// <summary>What happens, so long after what happened before, and how often. Whom it concerns may be nobody.</summary>
internal sealed record RandomEvent(
    Happening What, int Member, ExecutionStatus Status, int Attempt, long Wait, string By, int Times)
{
    public CommandEvent On(Command command)
    {
        bool isThere = Member < command.Executions.Count;
        int attempt = (isThere ? command.Executions[Member].Attempt : 1) + Attempt;
        var member = isThere ? command.Executions[Member].Member : RandomCommand.Member(Member);
        return What switch
        {
            Happening.Says => new MemberReported(new ExecutionReport
            {
                Index = Member,
                Member = member,
                By = By,
                Attempt = attempt,
                Status = Status,
            }),
            Happening.Connects => new MemberConnected(RandomCommand.Member(Member), Role.None),
            Happening.Confirms when By == "b" => new CancelConfirmed([new SentAttempt(Member, attempt)]),
            Happening.Confirms => new SendingConfirmed([new SentAttempt(Member, attempt)]),
            Happening.Loses => new HolderLost(Member, By),
            Happening.Cancels => new CancelAsked(),
            Happening.Resumes => new ResumeAsked(),
            _ => new TimePassed(),
        };
    }
}

internal enum Happening
{
    Says,
    Looks,
    Connects,
    Confirms,
    Resumes,
    Loses,
    Cancels,
}
