using System.Globalization;

namespace Aether.Load.Reporting;

/// <summary>Numbers as people read them, and the middle of several.</summary>
internal static class Figures
{
    /// <summary>Three digits or so; a dash for what is not known.</summary>
    public static string Show(double? value) => value switch
    {
        null => "–",
        >= 1000 => value.Value.ToString("N0", CultureInfo.InvariantCulture),
        >= 100 => value.Value.ToString("F0", CultureInfo.InvariantCulture),
        >= 10 => value.Value.ToString("F1", CultureInfo.InvariantCulture),
        _ => value.Value.ToString("F2", CultureInfo.InvariantCulture),
    };

    /// <summary>The median; null of nothing.</summary>
    public static double? Median(IEnumerable<double?> values)
    {
        double[] known = [.. values.Where(value => value is not null).Select(value => value!.Value).Order()];
        return known.Length == 0 ? null : (known[(known.Length - 1) / 2] + known[known.Length / 2]) / 2;
    }

    /// <summary>Median, and from where to where.</summary>
    public static string Spread(IReadOnlyList<double?> values)
    {
        double?[] known = [.. values.Where(value => value is not null)];
        return known.Length < 2 ? Show(Median(known)) : $"{Show(Median(known))} ({Show(known.Min())}–{Show(known.Max())})";
    }
}
