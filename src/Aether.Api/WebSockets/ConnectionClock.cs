namespace Aether.Api.WebSockets;

/// <summary>
/// One timer for all connections of the instance, where the library would have one for each. It ticks on the shared
/// pool on purpose: while that gets to nothing, nobody reads the connections, and a clock that went on would give them
/// up for being silent.
/// </summary>
internal sealed class ConnectionClock(ConnectionRegistry registry, Clock clock, TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false))
            {
                clock.Tick();
                registry.Check(clock.AwakeMs);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // Stopping is how this ends.
        }
    }
}
