using System.Diagnostics;

namespace Aether.Load.Measuring;

/// <summary>Nanoseconds since the start.</summary>
internal sealed class NanoClock
{
    private readonly long start = Stopwatch.GetTimestamp();

    /// <summary>Now.</summary>
    public long Now => Stopwatch.GetElapsedTime(start).Nanoseconds();
}

/// <summary>Conversions of time.</summary>
internal static class Nano
{
    /// <summary>A time in nanoseconds.</summary>
    public static long Nanoseconds(this TimeSpan time) => time.Ticks * TimeSpan.NanosecondsPerTick;
}
