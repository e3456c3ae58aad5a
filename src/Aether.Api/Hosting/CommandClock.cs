using Aether.Application.Commands;

namespace Aether.Api.Hosting;

/// <summary>
/// Lets time pass for commands: several times a second it asks what is due in any group, and it looks after those who
/// watch from here.
/// </summary>
internal sealed class CommandClock(
    CommandRunner runner, CommandWatches watches, TimeProvider time, ILogger<CommandClock> logger) : BackgroundService
{
    private const int AtOnce = 100;

    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(250);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await Task.WhenAll(watches.RunAsync(stoppingToken), PassTimeAsync(stoppingToken)).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host stops. One that could not start would tell of it as of a fault.
        }
    }

    private async Task PassTimeAsync(CancellationToken stop)
    {
        while (true)
        {
            bool isMore = false;
            try
            {
                isMore = await runner.PassTimeAsync(AtOnce).ConfigureAwait(false);
            }
            catch (Exception fault) when (!stop.IsCancellationRequested)
            {
                logger.CommandWorkFailed(fault.GetType().Name);
            }
            if (!isMore)
                await Task.Delay(Pace, time, stop).ConfigureAwait(false);
        }
    }
}
