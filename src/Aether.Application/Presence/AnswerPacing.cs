namespace Aether.Application.Presence;

/// <summary>
/// Lets large answers go out one after the other, with a pause in which everything else is written: a hundred clients
/// that wait for the same read would otherwise get megabytes at once, ahead of everybody's messages.
/// </summary>
internal sealed class AnswerPacing(TimeProvider time) : IDisposable
{
    // Below that an answer is no longer than many a message.
    private const int LargePage = 50;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(2);

    private readonly SemaphoreSlim gate = new(1);

    /// <inheritdoc/>
    public void Dispose() => gate.Dispose();

    /// <summary>Completes when an answer with so many members may go out.</summary>
    public async ValueTask WaitAsync(int members)
    {
        if (members < LargePage)
            return;
        await gate.WaitAsync().ConfigureAwait(false);
        _ = EndAsync();
    }

    private async Task EndAsync()
    {
        await Task.Delay(Pause, time).ConfigureAwait(false);
        gate.Release();
    }
}
