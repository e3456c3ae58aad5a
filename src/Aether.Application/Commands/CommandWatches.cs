using System.Collections.Concurrent;
using Aether.Application.Ports;
using Aether.Domain;
using Aether.Domain.Commands;
using Microsoft.Extensions.Logging;

namespace Aether.Application.Commands;

/// <summary>
/// Tells whoever watches a command from this instance what changes: the first at once, then at most once in 100 ms, what
/// happened meanwhile together. It asks the store for the versions of all commands that are watched: where something
/// just changed ten times a second, where nothing does once a second. So nothing that is lost on the way is missed.
/// </summary>
internal sealed class CommandWatches(ICommandStore store, TimeProvider time, ILogger<CommandWatches>? logger = null)
    : IDisposable
{
    /// <summary>How often a watcher is told at most.</summary>
    public static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(100);

    /// <summary>How many changes are read at a time.</summary>
    internal const int PageSize = 500;

    private const double Slower = 1.3;

    private static readonly TimeSpan Slowest = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<CommandWatch, bool> watches = [];
    private readonly SemaphoreSlim begun = new(0);

    /// <summary>Begins to watch.</summary>
    /// <param name="group">The group.</param>
    /// <param name="id">The command.</param>
    /// <param name="after">The version that the watcher has; 0: it has none.</param>
    /// <param name="tell">
    /// Takes what changed, page by page, one call at a time; a page that is not found is the last one, as is one of a
    /// command that has ended and has no more to tell.
    /// </param>
    public CommandWatch Watch(VisionId group, string id, long after, Func<CommandPage, ValueTask> tell)
    {
        var watch = new CommandWatch(this, group, id, after, tell);
        watches.TryAdd(watch, true);
        _ = LookAsync(watch);
        if (begun.CurrentCount == 0)
            begun.Release();
        return watch;
    }

    /// <summary>Something of a command changed, on this instance.</summary>
    public void Nudge(CommandSummary command)
    {
        if (watches.IsEmpty)
            return;
        foreach (var (watch, _) in watches)
        {
            if (watch.Id == command.Order.Id && watch.GroupId == command.Order.GroupId && watch.After < command.Version)
                watch.IsNudged = true;
        }
    }

    /// <summary>Looks after the watches until it is told to stop.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        while (true)
        {
            if (watches.IsEmpty)
                await begun.WaitAsync(stop).ConfigureAwait(false);
            await Task.Delay(Pace, time, stop).ConfigureAwait(false);
            try
            {
                await TurnAsync().ConfigureAwait(false);
            }
            catch (Exception fault) when (fault is not OperationCanceledException)
            {
                logger?.CommandWorkFailed(fault.GetType().Name);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => begun.Dispose();

    internal void End(CommandWatch watch) => watches.TryRemove(watch, out _);

    private async Task TurnAsync()
    {
        long now = time.GetTimestamp();
        var due = watches.Keys.Where(watch => !watch.IsLooking && (watch.IsNudged || now >= watch.NextLook));
        foreach (var group in due.GroupBy(static watch => watch.GroupId).ToList())
        {
            var found = group.ToList();
            // Mostly there is one; a command that several watch is asked for once.
            var ids = found.Select(static watch => watch.Id).Distinct().ToList();
            var versions = await store.GetVersionsAsync(group.Key, ids, CancellationToken.None).ConfigureAwait(false);
            if (versions is null)
                continue;
            foreach (var watch in found)
            {
                long version = versions[ids.IndexOf(watch.Id)];
                watch.IsNudged = false;
                // There is no version 0: who has heard nothing yet has to hear that there is nothing.
                if (version == watch.After && version > 0)
                    watch.NextLook = now + Ticks(watch.Slow(Slower, Slowest));
                else
                    _ = LookAsync(watch);
            }
        }
    }

    private async Task LookAsync(CommandWatch watch)
    {
        if (!watch.TryBeginLooking())
            return;
        try
        {
            while (await TellAsync(watch).ConfigureAwait(false))
            {
            }
        }
        catch (Exception fault)
        {
            logger?.CommandWorkFailed(fault.GetType().Name);
        }
        finally
        {
            watch.NextLook = time.GetTimestamp() + Ticks(watch.BeQuick(Pace));
            watch.EndLooking();
        }
    }

    /// <returns>Whether there is more at once.</returns>
    private async ValueTask<bool> TellAsync(CommandWatch watch)
    {
        var page = await store
            .GetChangesAsync(watch.GroupId, watch.Id, watch.After, PageSize, CancellationToken.None)
            .ConfigureAwait(false);
        if (page.Status is CommandFound.Unavailable or CommandFound.Unknown || watch.IsOver)
            return false;
        if (page.Command is not { } command)
        {
            await watch.Tell(page).ConfigureAwait(false);
            watch.Dispose();
            return false;
        }
        if (command.Version == watch.After)
        {
            // Whoever knows the end already has nothing more to hear.
            if (command.Status.IsEnded())
                watch.Dispose();
            return false;
        }
        page = CommandPages.AsFarAsItGoes(page);
        bool isPart = page.Command!.Version < command.Version;
        await watch.Tell(page).ConfigureAwait(false);
        watch.After = page.Command.Version;
        if (!isPart && command.Status.IsEnded())
            watch.Dispose();
        return isPart && !watch.IsOver;
    }

    private long Ticks(TimeSpan span) => (long)(span.TotalSeconds * time.TimestampFrequency);
}

/// <summary>One watcher of one command; disposing of it ends it.</summary>
internal sealed class CommandWatch(
    CommandWatches all, VisionId group, string id, long after, Func<CommandPage, ValueTask> tell) : IDisposable
{
    private readonly TaskCompletionSource over = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long version = after;
    private long nextLook;
    private int looking;
    private volatile bool isNudged;
    private TimeSpan interval = CommandWatches.Pace;

    /// <summary>The group.</summary>
    public VisionId GroupId => group;

    /// <summary>The command.</summary>
    public string Id => id;

    /// <summary>The version that was told last.</summary>
    public long After
    {
        get => Volatile.Read(ref version);
        set => Volatile.Write(ref version, value);
    }

    /// <summary>Whether it is known that something changed.</summary>
    public bool IsNudged
    {
        get => isNudged;
        set => isNudged = value;
    }

    /// <summary>When to look next, in ticks of the clock.</summary>
    public long NextLook
    {
        get => Volatile.Read(ref nextLook);
        set => Volatile.Write(ref nextLook, value);
    }

    /// <summary>Completes when there is nothing more to tell.</summary>
    public Task Over => over.Task;

    /// <summary>Whether it has ended.</summary>
    public bool IsOver => over.Task.IsCompleted;

    internal Func<CommandPage, ValueTask> Tell => tell;

    internal bool IsLooking => Volatile.Read(ref looking) != 0;

    internal bool TryBeginLooking() => Interlocked.CompareExchange(ref looking, 1, 0) == 0;

    internal void EndLooking() => Volatile.Write(ref looking, 0);

    internal TimeSpan Slow(double factor, TimeSpan slowest) =>
        interval = interval * factor < slowest ? interval * factor : slowest;

    internal TimeSpan BeQuick(TimeSpan pace) => interval = pace;

    /// <inheritdoc/>
    public void Dispose()
    {
        all.End(this);
        over.TrySetResult();
    }
}
