using Aether.Benchmarks.Allocations;
using Aether.Benchmarks.Redis;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Filters;
using BenchmarkDotNet.Running;

// Without arguments every benchmark is run; BenchmarkDotNet itself would ask which.
if (args is ["--budgets"])
    return await BudgetCheck.RunAsync(Console.Out).ConfigureAwait(false);

var config = ManualConfig.Create(DefaultConfig.Instance)
    .AddDiagnoser(MemoryDiagnoser.Default)
    // The two minutes that it gives the build are not enough for a machine that is busy.
    .WithBuildTimeout(TimeSpan.FromMinutes(10))
    .WithArtifactsPath(Path.Combine("artifacts", "benchmarks"));
if (!RedisServer.IsInstalled)
{
    Console.WriteLine("redis-server is not installed: the benchmarks that need it are skipped");
    config = config.AddFilter(new SimpleFilter(one => !NeedsRedisAttribute.Is(one.Descriptor.Type)));
}
var summaries = BenchmarkSwitcher.FromAssembly(typeof(BudgetCheck).Assembly)
    .Run(args is [] ? ["--filter", "*"] : args, config);
return summaries.Any(one => one.HasCriticalValidationErrors || one.Reports.Any(report => !report.Success)) ? 1 : 0;
