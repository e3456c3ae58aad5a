namespace Aether.Tests.E2E.History;

/// <summary>When nobody could do anything, as Redis or every instance was away.</summary>
internal sealed class Outages : IAsyncDisposable
{
    private readonly List<(DateTime From, DateTime Until)> all = [];
    private readonly PeriodicTimer timer = new(TimeSpan.FromMilliseconds(50));
    private readonly Func<Task<bool>> isAnybodyThere;
    private readonly Task watching;

    /// <summary>Begins to watch.</summary>
    /// <param name="isAnybodyThere">Whether Redis and at least one instance are at work.</param>
    public Outages(Func<Task<bool>> isAnybodyThere)
    {
        this.isAnybodyThere = isAnybodyThere;
        watching = Task.Run(WatchAsync);
    }

    /// <summary>How long of a time nobody was there.</summary>
    public TimeSpan Between(DateTime from, DateTime until)
    {
        lock (all)
        {
            return all.Aggregate(TimeSpan.Zero, (sum, one) =>
            {
                var (start, stop) = (one.From > from ? one.From : from, one.Until < until ? one.Until : until);
                return stop > start ? sum + (stop - start) : sum;
            });
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        timer.Dispose();
        await watching;
    }

    private async Task WatchAsync()
    {
        DateTime? since = null;
        while (await timer.WaitForNextTickAsync())
        {
            var asked = DateTime.UtcNow;
            if (!await isAnybodyThere())
            {
                since ??= asked;
            }
            else if (since is { } from)
            {
                lock (all)
                    all.Add((from, DateTime.UtcNow));
                since = null;
            }
        }
    }
}
