using System.Diagnostics.Metrics;

namespace Aether.Infrastructure.Redis;

/// <summary>What operators count about the backplane.</summary>
internal sealed class RedisMetrics : IDisposable
{
    private readonly Meter meter;
    private readonly Counter<long> garbage;
    private readonly Counter<long> dropped;
    private readonly Counter<long> gaps;

    public RedisMetrics(IMeterFactory? meters = null)
    {
        meter = meters?.Create("Aether.Realtime") ?? new Meter("Aether.Realtime");
        garbage = meter.CreateCounter<long>(
            "aether.redis.garbage", "{message}", "Messages on a channel of ours that are not what belongs there.");
        dropped = meter.CreateCounter<long>(
            "aether.redis.dropped", "{message}", "Valid messages from Redis that were not delivered here.");
        gaps = meter.CreateCounter<long>(
            "aether.redis.gaps", "{gap}", "Times in which messages may have been missed.");
    }

    public void Garbage() => garbage.Add(1);

    public void Dropped() => dropped.Add(1);

    public void Gap() => gaps.Add(1);

    public void Dispose() => meter.Dispose();
}
