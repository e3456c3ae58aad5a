namespace Aether.Api.Hosting;

/// <summary>Tells of pauses, once for many: a full instance pauses anew with each connection that ends.</summary>
internal sealed class ListenerPauses(TimeProvider time, ILogger<ListenerPauses> logger)
{
    private static readonly TimeSpan Between = TimeSpan.FromSeconds(30);

    private readonly Lock gate = new();
    private long? lastTold;

    /// <summary>A listener has begun to wait.</summary>
    public void Begin(long limit)
    {
        lock (gate)
        {
            if (lastTold is { } last && time.GetElapsedTime(last) < Between)
                return;
            lastTold = time.GetTimestamp();
        }
        logger.ListenerPaused(limit, OpenFiles.Reserve(limit));
    }
}
