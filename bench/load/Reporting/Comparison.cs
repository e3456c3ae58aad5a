namespace Aether.Load.Reporting;

/// <summary>One markdown table of many runs: each case with all systems, medians over the rounds, and ratios to SignalR.</summary>
internal static class Comparison
{
    private const string Baseline = "SignalR";

    // Beyond this a figure says as much about the machine as about the system.
    private const double MuchOfOthers = 10, MuchOfCalibration = 0.15;

    /// <summary>Prints the table of a folder.</summary>
    /// <returns>0 if all runs were good.</returns>
    public static int Print(string folder)
    {
        var runs = RunResult.LoadAll(folder);
        if (runs.Count == 0)
            throw new UsageException($"{folder} holds no results");
        foreach (string line in Lines(runs))
            Console.WriteLine(line);
        return runs.All(run => run.Ok) ? 0 : 1;
    }

    /// <summary>The table, and what was wrong below it.</summary>
    internal static IEnumerable<string> Lines(IReadOnlyList<RunResult> runs)
    {
        double? calibration = Figures.Median(runs.Select(run => run.Resources?.CalibrationMs));
        yield return "| case | system | good runs | cost at the servers | to SignalR | Redis | rate | p99 | memory "
            + "| disturbed |";
        yield return "|---|---|---|---|---|---|---|---|---|---|";
        foreach (var ofCase in runs.GroupBy(run => run.Name))
        {
            foreach (var ofSystem in ofCase.GroupBy(run => run.Label))
                yield return Row(ofCase.Key, ofSystem.Key, [.. ofSystem], [.. ofCase], calibration);
        }
        yield return "";
        yield return "Cost: median (min–max) of CPU, or for idle of memory, of all server processes together; Redis on its own. "
            + "Ratio: median over rounds, of runs of the same round. Rate and p99 (µs; storm: until ready; idle: none) "
            + "depend on what the driver leaves of the machine. Memory: of all servers.";
        yield return $"Disturbed: runs in which others took more than {MuchOfOthers:F0} % of the machine, or its speed was "
            + $"off the median by more than {MuchOfCalibration:P0}.";
        foreach (var run in runs.Where(run => !run.Ok))
            yield return $"\nNOT OK: {run.Name}, {run.Label}, round {run.Round}: {run.Fault}";
    }

    /// <summary>Whether something else than the system decided a run's figures.</summary>
    internal static bool IsDisturbed(RunResult run, double? calibration) =>
        run.Resources is { } used
        && (used.OthersPercent > MuchOfOthers
            || (calibration is { } usual && Math.Abs(used.CalibrationMs - usual) > MuchOfCalibration * usual));

    /// <summary>The figure that counts: CPU in µs, or memory in kB.</summary>
    internal static double? Cost(RunResult run) =>
        !run.Ok ? null : run.Scenario == "idle" ? run.ServerKb : run.ServerUs;

    /// <summary>Median of the ratios to SignalR's run of the same round; null without such.</summary>
    internal static double? Ratio(IReadOnlyList<RunResult> runs, IReadOnlyList<RunResult> ofCase) => Figures.Median(
        from run in runs
        join other in ofCase.Where(candidate => candidate.Label == Baseline) on run.Round equals other.Round
        select Cost(other) is > 0 and var cost ? Cost(run) / cost : null);

    private static string Row(
        string name, string system, IReadOnlyList<RunResult> runs, IReadOnlyList<RunResult> ofCase, double? calibration)
    {
        var good = runs.Where(run => run.Ok).ToList();
        string unit = runs[0].Scenario switch
        {
            "idle" => "kB/connection",
            "storm" => "µs/connection",
            _ => "µs/delivery",
        };
        string redis = good.Exists(run => run.Resources?.Processes.Any(process => process.IsRedis) == true)
            && runs[0].Scenario != "idle" ? $"{Median(run => run.RedisUs)} µs" : "–";
        string rate = runs[0].Scenario == "idle" ? "–" : $"{Median(run => run.PerSecond)}/s";
        return $"| {name} | {system} | {good.Count}/{runs.Count} | {Figures.Spread([.. good.Select(Cost)])} {unit} "
            + $"| {(Ratio(runs, ofCase) is { } ratio ? $"{ratio:F2}" : "–")} | {redis} | {rate} "
            + $"| {Median(run => run.LatencyUs?.P99)} | {Median(run => run.ServerRssMb)} MB "
            + $"| {runs.Count(run => IsDisturbed(run, calibration))} |";

        string Median(Func<RunResult, double?> figure) => Figures.Show(Figures.Median(good.Select(figure)));
    }
}
