using Aether.Domain;
using Aether.Domain.Commands;

namespace Aether.Infrastructure.InMemory;

/// <summary>The commands of one group, guarded by a lock on this object.</summary>
/// <param name="retention">For how long a command is kept after its end, in ms.</param>
internal sealed class InMemoryCommands(long retention)
{
    private readonly Dictionary<string, Kept> commands = [];
    private readonly Dictionary<(VisionId From, string RequestId), Command> requests = [];
    private readonly SortedDictionary<long, Command> byAge = [];
    private readonly SortedSet<(long At, long Number)> due = [];
    private readonly Queue<Command> ended = new();
    private readonly HashSet<Command> running = [];
    private long lastNumber;
    private long nextDueAt = long.MaxValue;

    /// <summary>Whether it is nobody's any more.</summary>
    public bool IsGone { get; set; }

    public bool IsEmpty => commands.Count == 0;

    public IReadOnlyCollection<Command> Running => running;

    public IEnumerable<Command> NewestFirst => byAge.Values.Reverse();

    /// <summary>When something is due next, or a command is kept no longer. May be read without the lock.</summary>
    public long NextDueAt => Volatile.Read(ref nextDueAt);

    public Command? Find(string id) => commands.GetValueOrDefault(id)?.Command;

    public Command? FindRequest(VisionId from, string? requestId) =>
        requestId is null ? null : requests.GetValueOrDefault((from, requestId));

    /// <summary>The command in which something is due that is due for the longest time.</summary>
    public Command? NextDue(long now) => due.Count > 0 && due.Min.At <= now ? byAge[due.Min.Number] : null;

    public void Add(Command command)
    {
        var kept = new Kept(command, ++lastNumber);
        commands.Add(command.Order.Id, kept);
        byAge.Add(kept.Number, command);
        running.Add(command);
        if (command.Order.RequestId is { } requestId)
            requests[(command.Order.FromId, requestId)] = command;
        Note(command);
    }

    /// <summary>Notes what an event may have changed: when the command is due, and whether it runs.</summary>
    public void Note(Command command)
    {
        var kept = commands[command.Order.Id];
        if (kept.DueAt != command.NextDueAt)
        {
            if (kept.DueAt is { } before)
                due.Remove((before, kept.Number));
            if (command.NextDueAt is { } at)
                due.Add((at, kept.Number));
            kept.DueAt = command.NextDueAt;
        }
        if (command.Status.IsEnded() && running.Remove(command))
            ended.Enqueue(command);
        SetNextDue();
    }

    /// <summary>Lets go of what is kept no longer.</summary>
    public void Expire(long now)
    {
        if (now < NextDueAt)
            return;
        while (ended.TryPeek(out var oldest) && oldest.EndedAt + retention <= now)
        {
            ended.Dequeue();
            commands.Remove(oldest.Order.Id, out var kept);
            byAge.Remove(kept!.Number);
            if (oldest.Order.RequestId is { } requestId)
                requests.Remove((oldest.Order.FromId, requestId));
        }
        SetNextDue();
    }

    private void SetNextDue()
    {
        long next = due.Count > 0 ? due.Min.At : long.MaxValue;
        if (ended.TryPeek(out var oldest))
            next = Math.Min(next, oldest.EndedAt + retention);
        Volatile.Write(ref nextDueAt, next);
    }

    private sealed class Kept(Command command, long number)
    {
        public Command Command { get; } = command;

        public long Number { get; } = number;

        public long? DueAt { get; set; }
    }
}
