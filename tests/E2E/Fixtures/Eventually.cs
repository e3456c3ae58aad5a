using System.Diagnostics;

namespace Aether.Tests.E2E;

/// <summary>Waits for a condition, and fails when it does not come about in time.</summary>
public static class Eventually
{
    /// <summary>How long anything may take that should be quick, on a slow machine beside busy neighbours.</summary>
    public static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>Waits until a condition holds.</summary>
    public static Task HoldsAsync(Func<bool> condition, string what, TimeSpan? within = null) =>
        HoldsAsync(() => Task.FromResult(condition()), what, within);

    /// <summary>Waits until a condition holds.</summary>
    /// <exception cref="TimeoutException">It does not, in time.</exception>
    public static async Task HoldsAsync(Func<Task<bool>> condition, string what, TimeSpan? within = null)
    {
        var watch = Stopwatch.StartNew();
        while (!await condition())
        {
            if (watch.Elapsed > (within ?? Soon))
                throw new TimeoutException($"not within {(within ?? Soon).TotalSeconds:0.#} s: {what}");
            await Task.Delay(Pause);
        }
    }
}
