using Aether.Load.Net;

namespace Aether.Load.Measuring;

/// <summary>
/// How fast the machine is at this moment: the CPU time of a fixed piece of work. Virtual machines vary; runs whose
/// calibration differs do not compare.
/// </summary>
internal static class Calibration
{
    private const int Steps = 10_000_000;
    private static ulong sink;

    /// <summary>CPU milliseconds of the work; the quicker of two, since the first may still be compiled.</summary>
    public static double Measure() => Math.Min(Once(), Once());

    private static double Once()
    {
        var began = Native.ThreadTime();
        ulong x = 0x9e3779b97f4a7c15;
        for (int i = 0; i < Steps; i++)
        {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
        }
        sink += x;
        return (Native.ThreadTime() - began).TotalMilliseconds;
    }
}
