using Aether.Api.Access;
using Aether.Api.WebSockets;
using Aether.Application;
using Aether.Application.Ports;
using Aether.Domain;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Options;

namespace Aether.Api.Hosting;

/// <summary>
/// What happens at start and at the end. At start the backplane gets a moment to be verified before the server listens,
/// and one line says what runs. At the end the connections are told to come back elsewhere, before the server stops to
/// listen: it sends no close frame by itself, and would cut them off.
/// </summary>
internal sealed class RealtimeLifecycle(
    ConnectionRegistry registry,
    Credentials credentials,
    HostUsers users,
    IMessageBus bus,
    IPresenceStore presence,
    IServer server,
    Capacity capacity,
    IOptions<RealtimeOptions> options,
    TimeProvider time,
    ILogger<RealtimeLifecycle> logger) : IHostedLifecycleService
{
    /// <summary>The slowest that a drain goes: few connections are not kept waiting for a long drain.</summary>
    private const double MinPerSecond = 100;

    /// <summary>What part of the drain is for telling; the rest is for the clients' answers.</summary>
    private const double TellingPart = 0.8;

    /// <summary>How long the start waits for the backplane. Without it the instance starts, and is not ready.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    public Task StartingAsync(CancellationToken cancellationToken)
    {
        capacity.RefuseStartWithoutRoom();
        return Task.CompletedTask;
    }

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        credentials.Changed += CloseRevoked;
        // Or the first clients after every start would get a 503, where a few milliseconds later they are welcome.
        long started = time.GetTimestamp();
        while (!(bus.IsReady && presence.IsReady) && time.GetElapsedTime(started) < Patience)
            await Task.Delay(TimeSpan.FromMilliseconds(10), time, cancellationToken).ConfigureAwait(false);
    }

    public Task StartedAsync(CancellationToken cancellationToken)
    {
        var addresses = server.Features.Get<IServerAddressesFeature>()?.Addresses;
        logger.Started(
            addresses is { Count: > 0 } ? string.Join(", ", addresses) : "its host's server",
            bus.Description,
            WhatIsAsked());
        capacity.TellWhatDoesNotFit();
        if ((credentials.Required || users.Exist) && options.Value.Legacy is { Enabled: true, RequireKey: false })
            logger.LegacyAsksForNoKey();
        return Task.CompletedTask;
    }

    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        var connections = registry.BeginDrain();
        double telling = Math.Min(
            options.Value.Drain.Value.TotalSeconds * TellingPart, connections.Count / MinPerSecond);
        if (connections.Count > 0)
            logger.Draining(connections.Count, telling);
        using var deadline = new CancellationTokenSource(options.Value.Drain.Value, time);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        try
        {
            await TellAsync(connections, telling, stop.Token).ConfigureAwait(false);
            await registry.WhenEmpty().WaitAsync(stop.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // Time is up: whoever has not been told is told now, and the server ends what is left.
            foreach (var connection in connections)
                connection.Close(CloseReason.Restarting);
            logger.Drained(registry.Count);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        credentials.Changed -= CloseRevoked;
        return Task.CompletedTask;
    }

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private async Task TellAsync(IReadOnlyList<SocketConnection> connections, double seconds, CancellationToken stop)
    {
        const int StepsPerSecond = 20;
        int steps = Math.Max(1, (int)(seconds * StepsPerSecond));
        // Clients leave by themselves, too; when all have gone there is nobody left to spread it for.
        for (int step = 0, told = 0; step < steps && registry.Count > 0; step++)
        {
            for (int until = (int)((long)connections.Count * (step + 1) / steps); told < until; told++)
                connections[told].Close(CloseReason.Restarting);
            if (told < connections.Count)
                await Task.Delay(TimeSpan.FromSeconds(1.0 / StepsPerSecond), time, stop).ConfigureAwait(false);
        }
    }

    private string WhatIsAsked()
    {
        var asked = new List<string>();
        if (options.Value.ApiKeys.Count > 0)
            asked.Add($"API keys ({options.Value.ApiKeys.Count})");
        if (credentials.HasTokens)
            asked.Add("tokens");
        if (users.Exist)
            asked.Add("the host's users");
        return asked.Count > 0 ? string.Join(" and ", asked) : "none asked, anybody may connect";
    }

    private void CloseRevoked()
    {
        foreach (var connection in registry.Where(connection => !connection.IsGranted(credentials)))
            connection.Close(CloseReason.CredentialRevoked);
    }
}
