using Aether.Application.Ports;

namespace Aether.Api.Hosting;

/// <summary>
/// Has the end of leases told that nobody renews, whichever instance gave them. No lease is shorter than a second, so one
/// look in a second misses none: that is all it costs where there are no leases. Where there are, it looks when the next
/// one may end.
/// </summary>
internal sealed class LeaseEnding(ILeaseStore leases, TimeProvider time) : BackgroundService
{
    /// <summary>How many are ended at once.</summary>
    private const int AtOnce = 100;

    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(1);

    // Many that end one after the other are looked at together.
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(50);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
            {
                var ends = await leases.EndAsync(AtOnce, stoppingToken).ConfigureAwait(false);
                var wait = ends.Next is { } next && next < Longest ? next : Longest;
                await Task.Delay(wait > Shortest ? wait : Shortest, time, stoppingToken).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // The host stops.
        }
    }
}
