using System.Collections.Concurrent;
using Aether.Application;
using Aether.Application.Ports;
using Aether.Domain;
using Aether.Domain.Commands;

namespace Aether.Infrastructure.InMemory;

/// <summary>Commands within one process: the machine itself, under the lock of its group.</summary>
internal sealed class InMemoryCommandStore(InMemoryLeaseStore leases, CommandOptions options, TimeProvider time)
    : ICommandStore
{
    private readonly ConcurrentDictionary<VisionId, InMemoryCommands> groups = [];

    /// <summary>Of how many groups something is kept.</summary>
    internal int Groups => groups.Count;

    public ValueTask<CommandStart> StartAsync(
        CommandOrder order, IReadOnlyList<VisionId> members, CancellationToken cancellationToken)
    {
        if (order.Lease is not { } claim)
            return new(Start(order, members));
        // What has begun has begun, whoever holds the lease now.
        if (FindFirst(order) is { } first)
            return new(first);
        // Nobody takes the lease before the command has begun.
        var start = CommandStart.Not(StartStatus.StaleTerm);
        leases.TryUnder(order.GroupId, claim, order.FromId, () => start = Start(order, members));
        return new(start);
    }

    public ValueTask<CommandChange> ApplyAsync(
        VisionId group, string id, CommandEvent happened, CancellationToken cancellationToken) =>
        new(In(group, CommandChange.NotFound, commands => commands.Find(id) is { } command
            ? Apply(commands, command, happened, Now())
            : CommandChange.NotFound));

    public ValueTask<bool?> HasRunningAsync(VisionId group, CancellationToken cancellationToken) =>
        new(In<bool?>(group, false, static commands => commands.Running.Count > 0));

    public ValueTask<IReadOnlyList<CommandChange>?> ConnectAsync(
        VisionId group, MemberConnected member, CancellationToken cancellationToken) =>
        new(In<IReadOnlyList<CommandChange>>(group, [], commands =>
        {
            var changes = new List<CommandChange>();
            foreach (var command in commands.Running.ToArray())
            {
                var change = Apply(commands, command, member, Now());
                if (change.Transition is { Verdict: Verdict.Applied } or { Effects.Count: > 0 })
                    changes.Add(change);
            }
            return changes;
        }));

    public ValueTask<IReadOnlyList<CommandChange>?> PassTimeAsync(int limit, CancellationToken cancellationToken)
    {
        var changes = new List<CommandChange>();
        foreach (var (group, commands) in groups)
        {
            if (commands.NextDueAt > Now())
                continue;
            In(group, 0, found =>
            {
                long now = Now();
                while (changes.Count < limit && found.NextDue(now) is { NextDueAt: var due } command)
                    changes.Add(Apply(found, command, new TimePassed(), now) with { LateMs = now - due });
                return 0;
            });
            if (changes.Count >= limit)
                break;
        }
        return new(changes);
    }

    public ValueTask<CommandPage> GetAsync(
        VisionId group, string id, int offset, int limit, int maxBytes, CancellationToken cancellationToken) =>
        new(Read(group, id, maxBytes, command => command.Executions.Skip(offset).Take(limit)));

    public ValueTask<CommandPage> GetChangesAsync(
        VisionId group, string id, long after, int limit, CancellationToken cancellationToken) =>
        new(Read(group, id, CommandPage.MaxBytes, command => command.ChangedSince(after, limit)));

    public ValueTask<IReadOnlyList<long>?> GetVersionsAsync(
        VisionId group, IReadOnlyList<string> ids, CancellationToken cancellationToken) =>
        new(In<IReadOnlyList<long>>(
            group, new long[ids.Count], commands => [.. ids.Select(id => commands.Find(id)?.Version ?? 0)]));

    public ValueTask<CommandList?> ListAsync(
        VisionId group, CommandStatus? status, int offset, int limit, CancellationToken cancellationToken) =>
        new(In(group, new CommandList([], 0), commands =>
        {
            var fitting = commands.NewestFirst.Where(one => status is null || one.Status == status).ToList();
            return new CommandList(
                [.. fitting.Skip(offset).Take(limit).Select(one => WithoutWords(one.Summarize()))], fitting.Count);
        }));

    /// <summary>What the same order led to before; nothing: it is the first.</summary>
    private CommandStart? FindFirst(CommandOrder order) =>
        In(order.GroupId, null, commands => commands.FindRequest(order.FromId, order.RequestId)?.Summarize()) is { } first
            ? new CommandStart(StartStatus.Repeated, first, [])
            : null;

    private CommandStart Start(CommandOrder order, IReadOnlyList<VisionId> members)
    {
        // Before there is a place for the group: nothing would ever take that away.
        if (members.Count == 0)
            return FindFirst(order) ?? CommandStart.Not(StartStatus.NoRecipients);
        while (true)
        {
            var commands = groups.GetOrAdd(
                order.GroupId, static (_, kept) => new InMemoryCommands((long)kept.Value.TotalMilliseconds), options.Retention);
            lock (commands)
            {
                // Whoever let go of the last command has taken the group out of the dictionary too: look again.
                if (commands.IsGone)
                    continue;
                commands.Expire(Now());
                if (commands.FindRequest(order.FromId, order.RequestId) is { } first)
                    return new(StartStatus.Repeated, first.Summarize(), []);
                if (commands.Running.Count >= options.Running)
                    return CommandStart.Not(StartStatus.TooMany);
                var command = Command.Start(order, members, Now(), out var begun);
                commands.Add(command);
                return new(StartStatus.Started, command.Summarize(), begun.Effects);
            }
        }
    }

    private static CommandChange Apply(InMemoryCommands commands, Command command, CommandEvent happened, long now)
    {
        var transition = command.Apply(happened, now);
        commands.Note(command);
        return new(CommandFound.Found, command.Summarize(), transition);
    }

    private CommandPage Read(VisionId group, string id, int maxBytes, Func<Command, IEnumerable<Execution>> choose) =>
        In(group, CommandPage.NotFound, commands => commands.Find(id) is { } command
            ? Read(command, choose(command), maxBytes)
            : CommandPage.NotFound);

    private static CommandPage Read(Command command, IEnumerable<Execution> chosen, int maxBytes)
    {
        var read = new List<ExecutionSummary>();
        long bytes = 0;
        foreach (var execution in chosen)
        {
            var one = execution.Summarize();
            bytes += BytesOf(one);
            if (bytes > maxBytes && read.Count > 0)
                return new(CommandFound.Found, command.Summarize(), read) { IsCut = true };
            read.Add(one);
        }
        return new(CommandFound.Found, command.Summarize(), read);
    }

    // The numbers and names of one are about as long as this.
    private static int BytesOf(ExecutionSummary one) => 128 + one.Progress.Length + one.Result.Length + BytesOf(one.Error)
        + (one.Late is { } late ? 64 + late.Result.Length + BytesOf(late.Error) : 0);

    private static int BytesOf(ExecutionError? error) =>
        error is null ? 0 : error.Code.Length + (error.Message?.Length ?? 0);

    private static CommandSummary WithoutWords(CommandSummary command) =>
        command with { Order = command.Order with { Msg = null, Payload = default } };

    private T In<T>(VisionId group, T none, Func<InMemoryCommands, T> work)
    {
        if (!groups.TryGetValue(group, out var commands))
            return none;
        lock (commands)
        {
            commands.Expire(Now());
            if (!commands.IsEmpty)
                return work(commands);
            commands.IsGone = true;
            groups.TryRemove(new(group, commands));
            return none;
        }
    }

    private long Now() => time.GetUtcNow().ToUnixTimeMilliseconds();
}
