using Aether.Domain;
using Aether.Domain.Commands;

namespace Aether.Infrastructure.Redis.Commands;

/// <summary>
/// What changes of a command, as its hash holds it: numbers with a space between, in the order that
/// <c>command-machine.lua</c> names.
/// </summary>
internal readonly record struct CommandState(
    CommandStatus Status,
    CommandReason Reason,
    CommandStatus? Ending,
    int Batch,
    long Version,
    long CreatedAt,
    long DeadlineAt,
    long EndedAt,
    ExecutionCounts Counts)
{
    private const int Numbers = 23;
    private const int FirstCount = 14;

    /// <summary>Reads one; nothing if it is none.</summary>
    public static CommandState? TryRead(string? text)
    {
        if (text is null)
            return null;
        Span<long> n = stackalloc long[Numbers];
        int count = 0;
        foreach (var word in text.AsSpan().Split(' '))
        {
            if (count == Numbers
                || !Digits.TryParse(text.AsSpan()[word], out n[count++]))
                return null;
        }
        bool isWhole = count == Numbers && n[0] <= (int)CommandStatus.TimedOut && n[1] <= (int)CommandReason.DeadlineOver
            && n[2] <= (int)CommandStatus.TimedOut && n[3] <= int.MaxValue;
        for (int i = FirstCount; i < Numbers; i++)
            isWhole &= n[i] <= CommandPlan.MaxTargets;
        return !isWhole ? null : new CommandState(
            (CommandStatus)n[0],
            (CommandReason)n[1],
            n[2] == 0 ? null : (CommandStatus)n[2],
            (int)n[3],
            n[5],
            n[6],
            n[7],
            n[8],
            new ExecutionCounts(
                (int)n[14],
                (int)n[15],
                (int)n[16],
                (int)n[17],
                (int)n[18],
                (int)n[19],
                (int)n[20],
                (int)n[21],
                (int)n[22]));
    }

    /// <summary>The command that is so far.</summary>
    public CommandSummary Of(CommandOrder order) => new(
        order, Status, Reason, Ending is not null, Batch, Counts, CreatedAt, DeadlineAt, EndedAt, Version);
}
