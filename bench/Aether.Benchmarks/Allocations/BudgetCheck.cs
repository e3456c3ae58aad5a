using System.Globalization;
using System.Reflection;
using System.Text.Json;
using Aether.Benchmarks.Redis;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Running;

namespace Aether.Benchmarks.Allocations;

/// <summary>
/// Holds every benchmark against its budget in <c>budgets.json</c>: the bytes that one operation may allocate. Times
/// differ from machine to machine and are not looked at; allocations do not.
/// </summary>
internal static class BudgetCheck
{
    private const string File = "budgets.json";

    private enum Verdict
    {
        Good,
        Bad,
        Skipped,
    }

    /// <summary>Measures everything, prints a table, and gives the exit code.</summary>
    public static async Task<int> RunAsync(TextWriter output)
    {
        var budgets = Read();
        var cases = Cases().ToList();
        int width = cases.Select(one => NameOf(one).Length).Concat(budgets.Keys.Select(name => name.Length)).Max();
        await WriteAsync("bytes per operation", "measured", "budget", "").ConfigureAwait(false);
        int bad = 0;
        int skipped = 0;
        foreach (var one in cases)
        {
            string name = NameOf(one);
            long? budget = budgets.Remove(name, out long found) ? found : null;
            var (verdict, measured, remark) = await JudgeAsync(one, budget).ConfigureAwait(false);
            bad += verdict == Verdict.Bad ? 1 : 0;
            skipped += verdict == Verdict.Skipped ? 1 : 0;
            await WriteAsync(name, Text(measured), Text(budget), remark).ConfigureAwait(false);
        }
        foreach (var (name, budget) in budgets)
            await WriteAsync(name, "-", Text(budget), "FAILED: there is no such benchmark").ConfigureAwait(false);
        bad += budgets.Count;
        await output.WriteLineAsync($"Budgets  Total: {cases.Count + budgets.Count}, Failed: {bad}, Skipped: {skipped}")
            .ConfigureAwait(false);
        return bad == 0 ? 0 : 1;

        Task WriteAsync(string name, string measured, string budget, string remark) =>
            output.WriteLineAsync($"{name.PadRight(width)} {measured,10} {budget,10}  {remark}".TrimEnd());
    }

    private static async Task<(Verdict Verdict, long? Measured, string Remark)> JudgeAsync(
        BenchmarkCase benchmark, long? budget)
    {
        if (!RedisServer.IsInstalled && NeedsRedisAttribute.Is(benchmark.Descriptor.Type))
            return (Verdict.Skipped, null, "skipped: redis-server is not installed");
        try
        {
            long measured = await AllocationMeter.MeasureAsync(benchmark).ConfigureAwait(false);
            if (budget is null)
                return (Verdict.Bad, measured, "FAILED: it has no budget");
            return measured > budget
                ? (Verdict.Bad, measured, $"FAILED: {measured - budget} over its budget")
                : (Verdict.Good, measured, "");
        }
#pragma warning disable CA1031 // One benchmark that cannot be run must not hide what the others allocate.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            return (Verdict.Bad, null, "FAILED: " + exception);
        }
    }

    private static Dictionary<string, long> Read()
    {
        using var file = System.IO.File.OpenRead(Path.Combine(AppContext.BaseDirectory, File));
        return JsonSerializer.Deserialize<Dictionary<string, long>>(file)!;
    }

    // As BenchmarkDotNet finds them: what it can run is what needs a budget.
    private static IEnumerable<BenchmarkCase> Cases() =>
        typeof(BudgetCheck).Assembly.GetExportedTypes()
            .Where(type => type.GetMethods().Any(method => method.IsDefined(typeof(BenchmarkAttribute))))
            .OrderBy(type => type.Name, StringComparer.Ordinal)
            .SelectMany(type => BenchmarkConverter.TypeToBenchmarks(type).BenchmarksCases);

    private static string NameOf(BenchmarkCase benchmark)
    {
        string name = benchmark.Descriptor.Type.Name + "." + benchmark.Descriptor.WorkloadMethod.Name;
        var parameters = benchmark.Parameters.Items.Select(one => one.Name + "=" + one.Value).ToList();
        return parameters is [] ? name : $"{name}({string.Join(", ", parameters)})";
    }

    private static string Text(long? bytes) => bytes?.ToString(CultureInfo.InvariantCulture) ?? "-";
}
