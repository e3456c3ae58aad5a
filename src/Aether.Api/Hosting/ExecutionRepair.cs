using System.Threading.Channels;
using Aether.Api.WebSockets;
using Aether.Application.Commands;
using Aether.Application.FanOut;

namespace Aether.Api.Hosting;

/// <summary>
/// Has members that are connected here sent their executions again when this instance may have missed some. The repair does
/// not wait for it: what comes twice is the same work.
/// </summary>
internal sealed class ExecutionRepair(Hub hub, ConnectionRegistry registry, MissedExecutions missed) : BackgroundService
{
    // However often it happens meanwhile, once more behind it is enough.
    private readonly Channel<bool> asked = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <inheritdoc/>
    public override Task StartAsync(CancellationToken cancellationToken)
    {
        hub.UnkeptMissed += Ask;
        return base.StartAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        hub.UnkeptMissed -= Ask;
        base.Dispose();
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await foreach (bool _ in asked.Reader.ReadAllAsync(stoppingToken).ConfigureAwait(false))
                await missed.SendAgainAsync(Here(), stoppingToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host stops. One that could not start would tell of it as of a fault.
        }
    }

    // Those of V1 and V2 are no members.
    private IEnumerable<ConnectedMember> Here() => registry
        .Where(static connection => !connection.IsLegacy)
        .GroupBy(static connection => (connection.GroupId, connection.ClientId, connection.Role))
        .Select(static one => new ConnectedMember(
            one.Key.GroupId, one.Key.ClientId, one.Key.Role, () => one.Any(static connection => connection.Reason is null)));

    private void Ask() => asked.Writer.TryWrite(true);
}
