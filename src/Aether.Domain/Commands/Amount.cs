using System.Globalization;

namespace Aether.Domain.Commands;

/// <summary>
/// How many of a command's targets: a count, or a share of them. Shares are whole billionths, so that every machine that
/// counts with them, a Redis script among them, comes to the same number: 0.1 of 30 is 3, where doubles make it 4.
/// </summary>
public readonly record struct Amount
{
    private const long Whole = 1_000_000_000;

    private readonly long billionths;
    private readonly int count;

    private Amount(int count, long billionths)
    {
        this.count = count;
        this.billionths = billionths;
    }

    /// <summary>Whether it is a share.</summary>
    public bool IsShare => billionths > 0;

    /// <summary>So many.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The count is below 0.</exception>
    public static Amount FromCount(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        return new(count, 0);
    }

    /// <summary>Such a part of all, above 0 and below 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The share is not above 0 and below 1.</exception>
    public static Amount FromShare(decimal share)
    {
        if (share is <= 0 or >= 1)
            throw new ArgumentOutOfRangeException(nameof(share), share, "must be above 0 and below 1");
        // Downwards: two thirds, written with any number of digits, are 2 of 3 and not 3.
        return new(0, Math.Max(1, (long)(share * Whole)));
    }

    /// <summary>How many of so many it is; a share is rounded up.</summary>
    public int Of(int all) => IsShare ? (int)(((billionths * all) + Whole - 1) / Whole) : count;

    /// <summary>Whether a part of so many is more than it. The same is not more.</summary>
    public bool IsExceededBy(int part, int all) => IsShare ? part * Whole > billionths * all : part > count;

    /// <summary>The number as a command gives it.</summary>
    public override string ToString() => IsShare
        ? ((decimal)billionths / Whole).ToString(CultureInfo.InvariantCulture)
        : count.ToString(CultureInfo.InvariantCulture);
}
