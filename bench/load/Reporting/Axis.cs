using System.Globalization;

namespace Aether.Load.Reporting;

/// <summary>Maps figures to places in a plot.</summary>
/// <param name="low">The figure at the beginning.</param>
/// <param name="high">The figure at the end.</param>
/// <param name="from">The place of the beginning.</param>
/// <param name="to">The place of the end.</param>
/// <param name="isLog">Equal steps are equal factors.</param>
internal sealed class Axis(double low, double high, double from, double to, bool isLog)
{
    /// <summary>Where a figure is.</summary>
    public double Place(double value)
    {
        double share = isLog
            ? Math.Log(value / low) / Math.Log(high / low)
            : (value - low) / (high - low);
        return double.IsFinite(share) ? from + (share * (to - from)) : (from + to) / 2;
    }

    /// <summary>Round figures from 0 to a bit over the highest, about five of them.</summary>
    public static IReadOnlyList<double> Ticks(double highest)
    {
        double rough = Math.Max(highest, 1e-9) / 5;
        double power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        double step = power * (rough <= power ? 1 : rough <= 2 * power ? 2 : rough <= 5 * power ? 5 : 10);
        return [.. Enumerable.Range(0, (int)Math.Ceiling((highest / step) - 1e-9) + 1).Select(i => i * step)];
    }

    /// <summary>1,000 as 1,000; 1,024 bytes as 1 KiB.</summary>
    public static string Label(double value, bool bytes) => bytes
        ? value >= 1024 ? $"{(value / 1024).ToString("0.#", CultureInfo.InvariantCulture)} KiB" : $"{value:0} B"
        : value.ToString(value >= 1000 ? "N0" : "0.###", CultureInfo.InvariantCulture);
}
