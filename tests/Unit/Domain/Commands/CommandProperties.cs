using Aether.Domain.Commands;
using CsCheck;
using Xunit;

namespace Aether.Tests.Unit.Commands;

/// <summary>What holds for every plan and every order of events.</summary>
public sealed class CommandProperties
{
    private const int Times = 2_000;

    [Fact]
    public void Command_KeepsItsRules_GivenAnyEventsInAnyOrder() => RandomCommand.Any.Sample(
        random =>
        {
            var command = random.Begin(out var begun);
            var checker = new CommandChecker(command);
            long now = CommandRun.Start;
            checker.Check(null, begun, now);
            foreach (var one in random.Events)
            {
                now += one.Wait;
                var happened = one.On(command);
                for (int i = 0; i < one.Times; i++)
                    checker.Check(happened, command.Apply(happened, now), now);
            }
        },
        iter: Times);

    [Fact]
    public void Command_EndsByItsDeadline_GivenThatSomebodyLooksWhenSomethingIsDue() => RandomCommand.Any.Sample(
        random =>
        {
            var command = random.Begin(out var begun);
            var checker = new CommandChecker(command);
            checker.Check(null, begun, CommandRun.Start);
            int looks = 0;
            while (command.NextDueAt is { } due)
            {
                Assert.InRange(++looks, 1, 2_000);
                checker.Check(new TimePassed(), command.Apply(new TimePassed(), due), due);
            }
            Assert.True(command.Status.IsEnded() && command.EndedAt <= command.DeadlineAt);
        },
        iter: Times / 2);

    [Fact]
    public void Command_ComesToTheSame_GivenTheSameEvents() => RandomCommand.Any.Sample(
        random => Assert.Equal(Run(random), Run(random)), iter: Times / 4);

    [Fact]
    public void Command_DoesNothingMore_GivenTheSameEventFromASecondInstance() => RandomCommand.Any.Sample(
        random =>
        {
            var command = random.Begin(out _);
            long now = CommandRun.Start;
            foreach (var one in random.Events)
            {
                now += one.Wait;
                var happened = one.On(command);
                command.Apply(happened, now);
                // A connection that opens twice is sent what was not taken twice; a word of progress is one each time.
                if (happened is MemberConnected or MemberReported { Report.Status: ExecutionStatus.InProgress })
                    continue;
                // After a failure the next attempt is on, of which the same word says nothing.
                var again = command.Apply(happened, now);
                if (happened is ResumeAsked)
                    continue;
                Assert.NotEqual(Verdict.Applied, again.Verdict);
                Assert.Empty(again.Effects);
            }
        },
        iter: Times / 2);

    private static string Run(RandomCommand random)
    {
        var command = random.Begin(out var begun);
        var told = new List<string> { string.Join(' ', begun.Effects) };
        long now = CommandRun.Start;
        foreach (var one in random.Events)
        {
            now += one.Wait;
            var transition = command.Apply(one.On(command), now);
            told.Add($"{transition.Verdict} {string.Join(' ', transition.Effects)} {command.Summarize()} {command.NextDueAt}");
            told.AddRange(command.Executions.Select(execution => execution.Summarize().ToString()));
        }
        return string.Join('\n', told);
    }
}
