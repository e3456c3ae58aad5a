using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Aether.Tests.Shared;

/// <summary>Waits for a condition instead of for a time.</summary>
internal static class Eventually
{
    /// <summary>How long anything may take that should be quick, on a slow machine beside busy neighbours.</summary>
    public static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);

    /// <summary>Waits until a condition holds.</summary>
    /// <param name="condition">The condition.</param>
    /// <param name="what">What is waited for; by default the condition as it is written.</param>
    /// <param name="within">For how long; by default <see cref="Soon"/>.</param>
    /// <param name="state">What there is instead, once the time is over.</param>
    /// <exception cref="TimeoutException">It does not hold in time.</exception>
    public static Task HoldsAsync(
        Func<bool> condition,
        [CallerArgumentExpression(nameof(condition))] string what = "",
        TimeSpan? within = null,
        Func<string>? state = null) =>
        HoldsAsync(() => Task.FromResult(condition()), what, within, state);

    /// <inheritdoc cref="HoldsAsync(Func{bool}, string, TimeSpan?, Func{string}?)"/>
    public static Task HoldsAsync(
        Func<bool> condition,
        TimeSpan? within,
        Func<string>? state = null,
        [CallerArgumentExpression(nameof(condition))] string what = "") =>
        HoldsAsync(condition, what, within, state);

    /// <inheritdoc cref="HoldsAsync(Func{bool}, string, TimeSpan?, Func{string}?)"/>
    public static Task HoldsAsync(
        Func<Task<bool>> condition,
        TimeSpan? within,
        Func<string>? state = null,
        [CallerArgumentExpression(nameof(condition))] string what = "") =>
        HoldsAsync(condition, what, within, state);

    /// <inheritdoc cref="HoldsAsync(Func{bool}, string, TimeSpan?, Func{string}?)"/>
    public static async Task HoldsAsync(
        Func<Task<bool>> condition,
        [CallerArgumentExpression(nameof(condition))] string what = "",
        TimeSpan? within = null,
        Func<string>? state = null)
    {
        var limit = within ?? Soon;
        long started = Stopwatch.GetTimestamp();
        while (!await condition())
        {
            if (Stopwatch.GetElapsedTime(started) > limit)
            {
                string found = state is null ? "" : $" ({state()})";
                throw new TimeoutException($"not within {limit.TotalSeconds:0.##} s: {what}{found}");
            }
            await Task.Delay(Pause);
        }
    }
}
