using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Domain;

namespace Aether.Application.Tracing;

/// <summary>Which clients this instance tells of, since an operator of this or another instance looks at them.</summary>
internal sealed class ClientTraces(IMessageBus bus, ServerMessages messages, TimeProvider time)
{
    // More than all operators may have open at once; whoever forges orders gets no more.
    private const int Most = 16;

    private readonly Dictionary<VisionId, TraceFeed> feeds = [];
    private readonly Lock gate = new();
    private volatile int count;

    /// <summary>Begins to look at a client.</summary>
    /// <param name="group">The client's group.</param>
    /// <param name="client">The client; it may come later.</param>
    /// <param name="mayGoOn">Asked again and again: whether the operator may still look.</param>
    /// <param name="cancellationToken">The instance stops.</param>
    /// <returns><see langword="null"/> when the backplane cannot be reached.</returns>
    public async Task<ClientTrace?> BeginAsync(
        VisionId group, VisionId client, Func<ValueTask<bool>> mayGoOn, CancellationToken cancellationToken)
    {
        var trace = new ClientTrace(this, bus, messages, time, group, client);
        return await trace.BeginAsync(mayGoOn, cancellationToken).ConfigureAwait(false) ? trace : null;
    }

    /// <summary>Obeys an order.</summary>
    /// <returns>What the client's connections tell from now on; <see langword="null"/>: nothing.</returns>
    internal TraceFeed? Obey(TraceOrder order)
    {
        lock (gate)
        {
            if (feeds.TryGetValue(order.TraceId, out var known))
            {
                known.Renew(order.Lease);
                return known.IsAbout(order.GroupId, order.ClientId) && !known.IsOver ? known : null;
            }
            if (order.Lease == TimeSpan.Zero || feeds.Count >= Most)
                return null;
            var feed = new TraceFeed(order, bus, messages, time);
            feeds.Add(order.TraceId, feed);
            count = feeds.Count;
            _ = RunAsync(order.TraceId, feed);
            return feed;
        }
    }

    /// <summary>Those who look at a client: a connection of it that has just come is told of from its first frame on.</summary>
    internal IReadOnlyList<TraceFeed> Of(VisionId group, VisionId client)
    {
        if (count == 0)
            return [];
        lock (gate)
            return [.. feeds.Values.Where(feed => feed.IsAbout(group, client))];
    }

    private async Task RunAsync(VisionId id, TraceFeed feed)
    {
        // Not under the lock that it began in.
        await Task.Yield();
        try
        {
            await feed.RunAsync().ConfigureAwait(false);
        }
        finally
        {
            lock (gate)
            {
                feeds.Remove(id);
                count = feeds.Count;
            }
            feed.Dispose();
        }
    }
}
