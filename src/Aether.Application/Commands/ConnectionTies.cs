using Aether.Application.Delivery;
using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Domain;
using Aether.Domain.Commands;

namespace Aether.Application.Commands;

/// <summary>It is told what becomes of a command.</summary>
/// <param name="GroupId">The group.</param>
/// <param name="CommandId">The command.</param>
/// <param name="After">The version that it has.</param>
internal sealed record WatchingCommand(VisionId GroupId, string CommandId, long After) : ConnectionTie;

/// <summary>It has an execution, or has done with it.</summary>
/// <param name="GroupId">The group.</param>
/// <param name="Execution">The execution.</param>
/// <param name="IsOpen">Whether it has it.</param>
internal sealed record HoldingExecution(VisionId GroupId, ExecutionId Execution, bool IsOpen) : ConnectionTie;

/// <summary>
/// What a connection has to do with commands: which it watches, and which executions it has. When it ends it watches no
/// longer, and leaves its executions to whichever connection of its client speaks next.
/// </summary>
internal sealed class ConnectionTies(
    Connection connection, string holder, CommandWatches watches, CommandRunner runner, ServerMessages messages, int maxBytes)
{
    /// <summary>How many commands a connection watches; over that the oldest one is let go.</summary>
    public const int MaxWatches = 1_000;

    private readonly Lock sync = new();

    // In the order in which they were asked for.
    private readonly OrderedDictionary<(VisionId Group, string Command), CommandWatch> watching = [];
    private readonly HashSet<(VisionId Group, ExecutionId Execution)> holding = [];
    private bool isOver;

    // Completes when the part that was put last is: one of one watch at a time.
    private Task told = Task.CompletedTask;

    /// <summary>Takes what an answer makes of the connection.</summary>
    public void Take(ConnectionTie tie)
    {
        switch (tie)
        {
            case WatchingCommand watch:
                Watch(watch);
                break;
            case HoldingExecution held:
                Hold(held);
                break;
        }
    }

    /// <summary>It is told no longer of commands in these groups.</summary>
    public void LetGoOf(Predicate<VisionId> isBeyond)
    {
        lock (sync)
        {
            foreach (var (key, watch) in watching.Where(one => isBeyond(one.Key.Group)).ToList())
            {
                watch.Dispose();
                watching.Remove(key);
            }
        }
    }

    /// <summary>The connection has ended.</summary>
    public void End()
    {
        CommandWatch[] watched;
        (VisionId Group, ExecutionId Execution)[] held;
        lock (sync)
        {
            isOver = true;
            (watched, held) = ([.. watching.Values], [.. holding]);
            watching.Clear();
            holding.Clear();
        }
        foreach (var watch in watched)
            watch.Dispose();
        foreach (var (group, execution) in held)
            runner.Run(runner.LoseHolderAsync(group, execution, holder));
    }

    private void Watch(WatchingCommand asked)
    {
        lock (sync)
        {
            if (isOver)
                return;
            var key = (asked.GroupId, asked.CommandId);
            // Whoever asks again goes on from what it says that it has.
            if (watching.Remove(key, out var before))
                before.Dispose();
            foreach (var (other, watch) in watching.Where(static one => one.Value.IsOver).ToList())
                watching.Remove(other);
            if (watching.Count >= MaxWatches)
            {
                watching.GetAt(0).Value.Dispose();
                watching.RemoveAt(0);
            }
            CommandWatch? own = null;
            own = watches.Watch(
                asked.GroupId,
                asked.CommandId,
                asked.After,
                page => TellAsync(asked, page, () => Volatile.Read(ref own)?.IsOver == true));
            watching.Add(key, own);
        }
    }

    private void Hold(HoldingExecution held)
    {
        bool isLate;
        lock (sync)
        {
            isLate = held.IsOpen && isOver;
            if (held.IsOpen && !isOver)
                holding.Add((held.GroupId, held.Execution));
            else
                holding.Remove((held.GroupId, held.Execution));
        }
        // Said by a connection that ended before the store had answered.
        if (isLate)
            runner.Run(runner.LoseHolderAsync(held.GroupId, held.Execution, holder));
    }

    /// <summary>
    /// Tells it what changed, part by part, each when there is room for it: a page of results is longer than what may wait
    /// for a connection, and all that it watches can change at once.
    /// </summary>
    private async ValueTask TellAsync(WatchingCommand watching, CommandPage page, Func<bool> isLetGo)
    {
        var payloads = page.Command is { } command
            ? CommandWriter.WriteEvents(command, page.Executions, maxBytes)
            : [CommandWriter.WriteGone(watching.CommandId, CommandRejections.NotFound)];
        foreach (var payload in payloads)
        {
            var part = Frame.Of(messages.CommandEvent(connection.ClientId, watching.GroupId, payload));
            var through = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            await Interlocked.Exchange(ref told, through.Task).ConfigureAwait(false);
            try
            {
                // Whoever has asked again meanwhile is told by another watch, and nothing older behind that.
                if (isLetGo())
                    return;
                await connection.WaitForRoomAsync(part.Bytes.Length).ConfigureAwait(false);
                if (isLetGo())
                    return;
                await connection.Loop.SendAsync(connection, part).ConfigureAwait(false);
            }
            finally
            {
                through.TrySetResult();
            }
        }
    }
}
