using Aether.Domain;
using Aether.Domain.Commands;

namespace Aether.Tests.Unit.Commands;

/// <summary>A command, a clock that a test moves, and what it was told to do, in words that are easy to compare.</summary>
internal sealed class CommandRun
{
    public const long Start = 1_700_000_000_000;

    private readonly Queue<Effect> effects = new();

    public CommandRun(CommandPlan plan, int members)
        : this(plan, [.. Enumerable.Range(0, members).Select(i => "m" + i)])
    {
    }

    public CommandRun(CommandPlan plan, params string[] members)
    {
        Command = Command.Start(Order(plan), [.. members.Select(VisionId.Parse)], Now, out var begun);
        Take(begun);
    }

    public Command Command { get; }

    public long Now { get; private set; } = Start;

    /// <summary>The command's status, and its reason if it has one: <c>paused batch_ended</c>.</summary>
    public string Status => $"{Command.Status.ToWire()} {Command.Reason.ToWire()}".Trim();

    /// <summary>How far each member is, in one line: <c>sent queued</c>.</summary>
    public string States => string.Join(' ', Command.Executions.Select(one => one.Status.ToWire()));

    public static CommandOrder Order(CommandPlan plan) => new()
    {
        Id = "c1",
        GroupId = VisionId.Parse("g"),
        FromId = VisionId.Parse("giver"),
        Cmd = "go",
        Payload = "{}"u8.ToArray(),
        Plan = plan,
    };

    public Execution this[string member] =>
        Command.TryFind(VisionId.Parse(member), out var execution)
            ? execution
            : throw new ArgumentException("is no target", nameof(member));

    public Transition Apply(CommandEvent happened)
    {
        var transition = Command.Apply(happened, Now);
        Take(transition);
        return transition;
    }

    /// <summary>A member speaks, of the attempt that it has got unless another one is said.</summary>
    public Transition Says(
        string member, ExecutionStatus status, int? attempt = null, string by = "", ReadOnlyMemory<byte> more = default) =>
        Apply(new MemberReported(new ExecutionReport
        {
            Index = this[member].Index,
            Member = VisionId.Parse(member),
            By = by.Length > 0 ? by : member + "-1",
            Attempt = attempt ?? this[member].Attempt,
            Status = status,
            Progress = status == ExecutionStatus.InProgress ? more : default,
            Result = status == ExecutionStatus.Succeeded ? more : default,
            Error = status == ExecutionStatus.Failed ? new ExecutionError("broken", null) : null,
        }));

    public void Says(ExecutionStatus status, params string[] members)
    {
        foreach (string member in members)
            Says(member, status);
    }

    public Transition Connects(string member, Role role = Role.None) =>
        Apply(new MemberConnected(VisionId.Parse(member), role));

    /// <summary>Lets time pass, and lets the command look at the clock whenever something is due.</summary>
    public void Passes(long ms)
    {
        long until = Now + ms;
        while (Command.NextDueAt is { } due && due <= until)
        {
            Now = Math.Max(due, Now);
            Apply(new TimePassed());
        }
        Now = until;
    }

    /// <summary>Lets time pass without anybody looking at the clock.</summary>
    public void Sleeps(long ms) => Now += ms;

    /// <summary>What had to be done since this was asked last: <c>send m0/1, cancel m1</c>.</summary>
    public string Did()
    {
        var did = effects.Select(one =>
            one.Kind == EffectKind.Send ? $"send {one.Member}/{one.Attempt}" : $"cancel {one.Member}").ToList();
        effects.Clear();
        return string.Join(", ", did);
    }

    private void Take(Transition transition)
    {
        foreach (var effect in transition.Effects)
        {
            effects.Enqueue(effect);
            // As an instance does that lives; what one does not confirm is tested on its own.
            SentAttempt[] done = [new(effect.Index, effect.Attempt)];
            Command.Apply(
                effect.Kind == EffectKind.Send ? new SendingConfirmed(done) : new CancelConfirmed(done), Now);
        }
    }
}
