using Aether.Application.FanOut;
using Aether.Application.History;

namespace Aether.Api.Hosting;

/// <summary>
/// Asks once in a while where the streams of all channels end that this instance hears: what is asked for is remembered,
/// so that a group in which nothing happens keeps its positions for as long as somebody is there.
/// </summary>
internal sealed class HistoryRenewal(Hub hub, HistoryServices history, TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan Longest = TimeSpan.FromHours(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!history.Kept.IsOn)
            return;
        var period = history.Kept.Limits.Remember.Value / 4;
        using var timer = new PeriodicTimer(period < Longest ? period : Longest, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false))
                await hub.RenewPositionsAsync(stoppingToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The host stops.
        }
    }
}
