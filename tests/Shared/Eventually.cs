using System.Diagnostics;
using System.Runtime.CompilerServices;
using Xunit;

namespace Aether.Tests.Shared;

/// <summary>Waits for a condition instead of for a time.</summary>
internal static class Eventually
{
    // For what hangs; a slow machine beside busy neighbours may take long.
    private static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(10);

    /// <summary>Waits until the condition holds; the test fails, naming it, when the timeout is over before.</summary>
    public static Task True(
        Func<bool> condition,
        TimeSpan? timeout = null,
        Func<string>? state = null,
        [CallerArgumentExpression(nameof(condition))] string expression = "") =>
        True(() => Task.FromResult(condition()), timeout, state, expression);

    /// <summary>Waits until the condition holds; the test fails, naming it, when the timeout is over before.</summary>
    public static async Task True(
        Func<Task<bool>> condition,
        TimeSpan? timeout = null,
        Func<string>? state = null,
        [CallerArgumentExpression(nameof(condition))] string expression = "")
    {
        var limit = timeout ?? DefaultTimeout;
        long started = Stopwatch.GetTimestamp();
        while (!await condition())
        {
            if (Stopwatch.GetElapsedTime(started) > limit)
            {
                string found = state is null ? "" : $" ({state()})";
                Assert.Fail($"Not within {limit.TotalSeconds:0.##} s: {expression}{found}");
            }
            await Task.Delay(Poll, TestContext.Current.CancellationToken);
        }
    }
}
