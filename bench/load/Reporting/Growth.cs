using System.Globalization;
using System.Text.Json;

namespace Aether.Load.Reporting;

/// <summary>Makes series of runs: how the cost of a delivery grows with something.</summary>
internal static class Growth
{
    private const string Cost = "server CPU, µs per delivery";

    private static readonly Dictionary<string, (string Title, string XLabel)> Known = new()
    {
        ["receivers"] = ("Cost of a delivery, by receivers of the group", "receivers of each message"),
        ["groups"] = ("Cost of a delivery, by groups that exist", "groups"),
        ["instances"] = ("Cost of a delivery, by instances that share the receivers", "instances"),
        ["payload"] = ("Cost of a delivery, by size of the payload", "payload, bytes"),
    };

    /// <summary>Writes <c>growth.csv</c> and one JSON for each series' plot.</summary>
    /// <returns>0 if all runs were good.</returns>
    public static int Collect(string folder, string results)
    {
        var runs = RunResult.LoadAll(folder).Where(run => run.X is not null).ToList();
        if (runs.Count == 0)
            throw new UsageException($"{folder} holds no results with --x");
        Directory.CreateDirectory(results);
        File.WriteAllLines(Path.Combine(results, "growth.csv"), Csv(runs));
        foreach (var ofName in runs.Where(run => run.ServerUs is not null).GroupBy(run => run.Name))
        {
            string path = Path.Combine(results, $"{ofName.Key}.json");
            File.WriteAllText(path, JsonSerializer.Serialize(Plot(ofName), ReportingJson.Default.PlotData) + "\n");
        }
        foreach (var run in runs.Where(run => !run.Ok))
            Console.Error.WriteLine($"NOT OK: {run.Name} {run.X}, {run.Label}: {run.Fault}");
        return runs.TrueForAll(run => run.Ok) ? 0 : 1;
    }

    /// <summary>The plot of one series of runs. Those that were not good are left out.</summary>
    internal static PlotData Plot(IGrouping<string, RunResult> runs)
    {
        var (title, xLabel) = Known.TryGetValue(runs.Key, out var known) ? known : (runs.Key, runs.Key);
        return new PlotData
        {
            Title = title,
            XLabel = xLabel,
            YLabel = Cost,
            LogX = true,
            Series = [.. runs.Where(run => run.Ok).GroupBy(run => run.Label).Select(ofLabel => new PlotSeries(
                ofLabel.Key,
                [.. ofLabel.GroupBy(run => run.X!.Value).OrderBy(ofX => ofX.Key).Select(ofX => new PlotPoint(
                    ofX.Key,
                    Round(Figures.Median(ofX.Select(run => run.ServerUs))),
                    Round(ofX.Min(run => run.ServerUs)),
                    Round(ofX.Max(run => run.ServerUs))))]))],
        };
    }

    private static double Round(double? value) => Math.Round(value ?? 0, 3);

    private static IEnumerable<string> Csv(IEnumerable<RunResult> runs)
    {
        yield return "series,system,x,round,ok,deliveries,server_us_per_delivery,redis_us_per_delivery,driver_us_per_delivery,"
            + "deliveries_per_s,p99_us,server_rss_mb,others_percent,calibration_ms";
        foreach (var run in runs.OrderBy(run => run.Name).ThenBy(run => run.Label).ThenBy(run => run.X))
        {
            yield return string.Create(CultureInfo.InvariantCulture,
                $"{run.Name},{run.Label},{run.X},{run.Round},{(run.Ok ? "yes" : "no")},{run.Count},{run.ServerUs:F3},"
                + $"{run.RedisUs:F3},{run.DriverUs:F3},{run.PerSecond:F0},{run.LatencyUs?.P99:F0},"
                + $"{run.ServerRssMb:F1},{run.Resources?.OthersPercent:F1},{run.Resources?.CalibrationMs:F1}");
        }
    }
}
