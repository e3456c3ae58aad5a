using System.Reflection;
using BenchmarkDotNet.Running;

namespace Aether.Benchmarks.Allocations;

/// <summary>
/// Counts the bytes that one operation of a benchmark allocates. The least of several rounds counts: what the runtime
/// allocates now and then in the background comes on top of some rounds, and an operation's own bytes are in all.
/// </summary>
internal static class AllocationMeter
{
    private const int Rounds = 12;
    private const int OperationsPerRound = 256;

    public static async Task<long> MeasureAsync(BenchmarkCase benchmark)
    {
        var descriptor = benchmark.Descriptor;
        object instance = Activator.CreateInstance(descriptor.Type)!;
        foreach (var parameter in benchmark.Parameters.Items)
            descriptor.Type.GetProperty(parameter.Name)!.SetValue(instance, parameter.Value);
        try
        {
            await CallAsync(descriptor.GlobalSetupMethod, instance).ConfigureAwait(false);
            int invocations = Math.Max(8, OperationsPerRound / descriptor.OperationsPerInvoke);
            var round = RoundOf(descriptor, instance, invocations);
            await round().ConfigureAwait(false);
            long least = long.MaxValue;
            for (int i = 0; i < Rounds; i++)
                least = Math.Min(least, await round().ConfigureAwait(false));
            double operations = (double)invocations * descriptor.OperationsPerInvoke;
            return (long)Math.Ceiling(least / operations);
        }
        finally
        {
            await CallAsync(descriptor.GlobalCleanupMethod, instance).ConfigureAwait(false);
        }
    }

    private static Func<Task<long>> RoundOf(Descriptor descriptor, object instance, int invocations)
    {
        var method = descriptor.WorkloadMethod;
        bool everywhere = descriptor.Type.IsDefined(typeof(SeveralThreadsAttribute));
        if (method.ReturnType == typeof(void))
            return Synchronous(method.CreateDelegate<Action>(instance), invocations, everywhere);
        if (method.ReturnType.IsValueType)
            throw new NotSupportedException(method + " returns a value: boxing it would count as its own");
        if (!method.ReturnType.IsAssignableTo(typeof(Task)))
        {
            var run = method.CreateDelegate<Func<object?>>(instance);
            return Synchronous(() => run(), invocations, everywhere);
        }
        return Asynchronous(method.CreateDelegate<Func<Task>>(instance), invocations, everywhere);
    }

    private static Func<Task<long>> Synchronous(Action run, int invocations, bool everywhere) => () =>
    {
        long before = Allocated(everywhere);
        for (int i = 0; i < invocations; i++)
            run();
        return Task.FromResult(Allocated(everywhere) - before);
    };

    private static Func<Task<long>> Asynchronous(Func<Task> run, int invocations, bool everywhere) => async () =>
    {
        long before = Allocated(everywhere);
        for (int i = 0; i < invocations; i++)
        {
            var running = run();
            if (!everywhere && !running.IsCompleted)
                throw new InvalidOperationException("it goes on elsewhere, so [SeveralThreads] is missing");
            await running.ConfigureAwait(false);
        }
        return Allocated(everywhere) - before;
    };

    private static long Allocated(bool everywhere) =>
        everywhere ? GC.GetTotalAllocatedBytes(precise: true) : GC.GetAllocatedBytesForCurrentThread();

    private static async Task CallAsync(MethodInfo? method, object instance)
    {
        if (method?.Invoke(instance, null) is Task running)
            await running.ConfigureAwait(false);
    }
}
