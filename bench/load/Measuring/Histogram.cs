using System.Numerics;

namespace Aether.Load.Measuring;

/// <summary>Times in ns, in classes that are less than 1 % wide; the memory does not grow with what is added.</summary>
internal sealed class Histogram
{
    private const int ClassBits = 7;
    private const int Classes = 1 << ClassBits;

    private readonly long[] counts = new long[(64 - ClassBits) * Classes];

    /// <summary>How many there are.</summary>
    public long Count { get; private set; }

    /// <summary>The longest.</summary>
    public long Max { get; private set; }

    /// <summary>Adds one. A time cannot be negative.</summary>
    public void Add(long value)
    {
        value = Math.Max(0, value);
        counts[IndexOf(value)]++;
        Count++;
        Max = Math.Max(Max, value);
    }

    /// <summary>The value that this share of all does not exceed, as the upper end of its class.</summary>
    /// <param name="share">From 0 to 1.</param>
    public long Percentile(double share)
    {
        long rank = Math.Max(1, (long)Math.Ceiling(share * Count));
        long seen = 0;
        for (int i = 0; i < counts.Length && Count > 0; i++)
        {
            seen += counts[i];
            if (seen >= rank)
                return Math.Min(UpperEnd(i), Max);
        }
        return Max;
    }

    private static int IndexOf(long value)
    {
        int shift = Math.Max(0, BitOperations.Log2((ulong)value | 1) - ClassBits);
        return shift == 0 ? (int)value : (shift * Classes) + (int)(value >> shift);
    }

    private static long UpperEnd(int index)
    {
        int shift = index < 2 * Classes ? 0 : (index / Classes) - 1;
        long lower = shift == 0 ? index : (long)(index - (shift * Classes)) << shift;
        return lower + (1L << shift) - 1;
    }
}
