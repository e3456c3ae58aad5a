namespace Aether.Application.Presence;

/// <summary>
/// Reads once for all who ask at a time. Whoever asks gets a read that began after it asked; while one is under way,
/// everybody who comes waits for the next. A read takes a fifth of the time at most, however often it is asked for.
/// </summary>
/// <param name="read">Reads.</param>
/// <param name="time">The clock.</param>
/// <param name="restFactor">How many times as long as a read takes there is none after it; 0: the next one begins at once.</param>
internal sealed class SharedRead<T>(Func<Task<T>> read, TimeProvider time, int restFactor = 4)
{
    private static readonly TimeSpan LongestRest = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan ShortestRest = TimeSpan.FromMilliseconds(5);

    private readonly Lock gate = new();
    private TaskCompletionSource<T>? next;
    private bool running;

    /// <summary>The answer of a read that begins from now on.</summary>
    public Task<T> GetAsync(CancellationToken cancellationToken)
    {
        Task<T> answer;
        bool start;
        lock (gate)
        {
            next ??= new(TaskCreationOptions.RunContinuationsAsynchronously);
            answer = next.Task;
            start = !running;
            running = true;
        }
        if (start)
            _ = RunAsync();
        return answer.WaitAsync(cancellationToken);
    }

    private async Task RunAsync()
    {
        while (Next() is { } waiting)
        {
            long started = time.GetTimestamp();
            try
            {
                waiting.SetResult(await read().ConfigureAwait(false));
            }
#pragma warning disable CA1031 // Whoever waits gets it, whatever it is.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                waiting.SetException(exception);
            }
            var rest = time.GetElapsedTime(started) * restFactor;
            if (rest >= ShortestRest)
                await Task.Delay(rest < LongestRest ? rest : LongestRest, time).ConfigureAwait(false);
        }
    }

    private TaskCompletionSource<T>? Next()
    {
        lock (gate)
        {
            var waiting = next;
            next = null;
            running = waiting is not null;
            return waiting;
        }
    }
}
