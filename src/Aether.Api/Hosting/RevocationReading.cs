using Aether.Application.Ports;
using Aether.Application.Tokens;

namespace Aether.Api.Hosting;

/// <summary>
/// Reads once in a second what was revoked, on whichever instance, for as long as tokens are good for anything: their
/// connections have to close within two. Where there are no tokens it asks for nothing.
/// </summary>
internal sealed class RevocationReading(
    Revocations revocations,
    TimeProvider time,
    ILogger<RevocationReading> logger,
    ITokenValidator? tokens = null) : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, time);
        try
        {
            do
            {
                // Settings that are read anew may bring tokens, or take them away.
                if (tokens is { IsOn: true })
                    await ReadAsync(stoppingToken).ConfigureAwait(false);
            }
            while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host stops.
        }
    }

    private async Task ReadAsync(CancellationToken stop)
    {
        try
        {
            await revocations.ReadAsync(stop).ConfigureAwait(false);
        }
        catch (Exception fault) when (!stop.IsCancellationRequested)
        {
            // Or the host would stop. The store does not throw, but whoever is told of a revocation may.
            logger.RevocationReadingFailed(fault.GetType().Name);
        }
    }
}
