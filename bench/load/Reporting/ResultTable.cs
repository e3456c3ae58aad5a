namespace Aether.Load.Reporting;

/// <summary>One run, for who started it.</summary>
internal static class ResultTable
{
    private const int NameWidth = 28;

    /// <summary>Prints it.</summary>
    public static void Print(RunResult result)
    {
        Row("result", result.Ok ? "ok" : $"NOT OK: {result.Fault}");
        Row("connections", $"{result.Connections:N0}"
            + (result.Refusals > 0 ? $", turned away {result.Refusals:N0} times before" : ""));
        if (result.Scenario is "fanout" or "direct")
        {
            Row("messages sent", $"{result.Sent:N0}");
            Row("deliveries / expected", $"{result.Count:N0} / {result.Expected:N0}");
            Row("lost, late, twice, astray",
                $"{result.Lost:N0}, {result.Late:N0}, {result.Duplicates:N0}, {result.Misdirected:N0}");
            Row("deliveries/s", $"{result.PerSecond:N0}");
            Row("bytes/delivery", $"{result.BytesPerDelivery:N0}");
        }
        else if (result.Scenario == "storm")
        {
            Row("opened and closed", $"{result.Count:N0} / {result.Expected:N0}");
            Row("connections/s", $"{result.PerSecond:N0}");
        }
        Times(result.Scenario == "storm" ? "until ready, µs" : "latency, µs", result.LatencyUs);
        Times("sent late by, µs", result.SendLagUs);
        if (result.Resources is not { } used)
            return;
        if (result.Scenario == "idle")
            Row("server kB/connection", Figures.Show(result.ServerKb));
        else
            Row($"server CPU µs/{result.Unit}", Figures.Show(result.ServerUs));
        if (used.Processes.Any(process => process.IsRedis) && result.Scenario != "idle")
            Row($"Redis CPU µs/{result.Unit}", Figures.Show(result.RedisUs));
        if (result.Scenario != "idle")
            Row($"driver CPU µs/{result.Unit}", Figures.Show(result.DriverUs ?? used.DriverCpuSeconds * 1e6
                / Math.Max(1, result.Count)));
        foreach (var process in used.Processes)
            Row(process.Label, $"{process.CpuSeconds:F2} s CPU, {process.RssKb / 1024.0:F1} MB"
                + (process.Alive ? "" : ", gone"));
        Row("others' CPU, calibration",
            $"{(used.OthersPercent is { } others ? $"{others:F1} %" : "–")}, {used.CalibrationMs:F1} ms");
    }

    private static void Times(string name, Quantiles? times)
    {
        if (times is not null)
            Row(name, $"p50 {times.P50:N0}, p90 {times.P90:N0}, p99 {times.P99:N0}, p99.9 {times.P999:N0}, "
                + $"max {times.Max:N0}");
    }

    private static void Row(string name, string value) => Console.WriteLine($"{name.PadRight(NameWidth)}{value}");
}
