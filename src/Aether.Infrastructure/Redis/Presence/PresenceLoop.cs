using System.Threading.Channels;

namespace Aether.Infrastructure.Redis.Presence;

/// <summary>
/// Runs a step when its time has come or when somebody asks for it, never twice at once, until it is disposed.
/// </summary>
/// <param name="step">Does the work and says when to come again. It throws nothing.</param>
/// <param name="time">The clock.</param>
internal sealed class PresenceLoop(Func<CancellationToken, Task<TimeSpan>> step, TimeProvider time) : IAsyncDisposable
{
    private readonly Channel<bool> calls = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });

    private readonly CancellationTokenSource stopping = new();
    private Task running = Task.CompletedTask;

    /// <summary>Starts with a first step after a while.</summary>
    public void Start(TimeSpan first) => running = RunAsync(first);

    /// <summary>Asks for a step now.</summary>
    public void Wake() => calls.Writer.TryWrite(true);

    /// <summary>Ends after the step that is under way.</summary>
    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync().ConfigureAwait(false);
        calls.Writer.TryComplete();
        await running.ConfigureAwait(false);
        stopping.Dispose();
    }

    private async Task RunAsync(TimeSpan first)
    {
        using var timer = time.CreateTimer(
            static loop => ((PresenceLoop)loop!).Wake(), this, first, Timeout.InfiniteTimeSpan);
        while (await calls.Reader.WaitToReadAsync().ConfigureAwait(false))
        {
            while (calls.Reader.TryRead(out _) && !stopping.IsCancellationRequested)
            {
                var next = await step(stopping.Token).ConfigureAwait(false);
                timer.Change(next, Timeout.InfiniteTimeSpan);
            }
        }
    }
}
