using Aether.Application.Ports;

namespace Aether.Api.Hosting;

/// <summary>
/// Has the end of leases told that nobody renews, whichever instance gave them. No lease is shorter than a second, so one
/// look in a second misses none: that is all it costs where there are no leases. Where there are, it looks when the next
/// one may end.
/// </summary>
internal sealed class LeaseEnding(
    ILeaseStore leases, TimeProvider time, ILogger<LeaseEnding> logger) : BackgroundService
{
    /// <summary>How many are ended at once.</summary>
    private const int AtOnce = 100;

    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(1);

    // Many that end one after the other are looked at together.
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(50);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
            {
                var wait = await LookAsync(stoppingToken).ConfigureAwait(false);
                await Task.Delay(wait > Shortest ? wait : Shortest, time, stoppingToken).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host stops.
        }
    }

    /// <summary>Ends what is over.</summary>
    /// <returns>When to look again.</returns>
    private async Task<TimeSpan> LookAsync(CancellationToken stop)
    {
        try
        {
            var ends = await leases.EndAsync(AtOnce, stop).ConfigureAwait(false);
            return ends.Next is { } next && next < Longest ? next : Longest;
        }
        catch (Exception fault) when (!stop.IsCancellationRequested)
        {
            // Or the host would stop, and then the next instance, which is given the same lease.
            logger.LeaseEndingFailed(fault.GetType().Name);
            return Longest;
        }
    }
}
