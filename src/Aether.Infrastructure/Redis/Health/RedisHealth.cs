using System.Net;
using Aether.Infrastructure.Redis.Connections;
using Aether.Infrastructure.Redis.Subscriptions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Aether.Infrastructure.Redis.Health;

/// <summary>
/// Knows whether the backplane can be relied on. Connected is not subscribed, and the client's events come late, in the
/// wrong order or not at all, so once a second this instance
/// <list type="bullet">
/// <item>takes the pulse of the servers and of its own probe (<see cref="RedisPulse"/>);</item>
/// <item>compares it with how they were when all was well (<see cref="RedisDoubts"/>): one that is not a primary hears
/// nothing but what replication brings;</item>
/// <item>looks, on a cluster, whether channels have moved with their slots: what is published between Redis's ending a
/// subscription and the client's making it anew elsewhere is lost.</item>
/// </list>
/// After any doubt every channel is verified (<see cref="RedisRecovery"/>), and then the sinks read what was kept of what
/// they may have missed, and tell of the rest, before it is ready again. A server that has not answered for
/// two intervals is stalled: until it has answered twice again, what comes from it is dropped as late. The receiver
/// finds the same by itself, from when probes were sent and heard, if Redis goes on before this one looks.
/// </summary>
internal sealed class RedisHealth(
    RedisConnection connection,
    RedisSubscriptions subscriptions,
    RedisReceiver receiver,
    RedisRightsWatch rights,
    RedisProbe probe,
    RedisPulse pulse,
    RedisDoubts doubts,
    RedisRecovery recovery,
    RedisSlotMoves slotMoves,
    RedisMetrics metrics,
    TimeProvider time,
    ILogger<RedisHealth> logger) : BackgroundService
{
    private TaskCompletionSource wake = NewSignal();
    private string? problemTold;
    private volatile string? problem;
    private long checkStarted;
    private long epoch;
    private volatile bool live;
    private bool wasLive;
    private long settledAt;

    /// <summary>Whether every subscription is known to be live, and what is published arrives.</summary>
    public bool IsReady =>
        live && connection.IsConnected && time.GetElapsedTime(probe.LastHeard) < 3 * RedisPulse.Interval;

    /// <summary>
    /// Whether the other instances can be believed to hear as well: it is ready, and no outage has just ended.
    /// </summary>
    public bool IsSettled => IsReady && time.GetTimestamp() >= Volatile.Read(ref settledAt);

    /// <summary>Whether there is a connection to publish on, as far as is known.</summary>
    public bool CanPublish => !pulse.PublisherStalled && connection.IsConnected;

    /// <summary>Grows with everything that may have lost a message.</summary>
    public long Epoch => Volatile.Read(ref epoch);

    /// <summary>Why it is not ready, for operators; <see langword="null"/> when it is.</summary>
    public string? Problem => IsReady ? null : problem ?? "Redis has not been reached yet";

    /// <summary>
    /// Something does not fit: Redis says that nobody hears what is heard here. Looks soon, and then at each channel.
    /// </summary>
    public void Doubt()
    {
        doubts.Raise();
        if (time.GetElapsedTime(Volatile.Read(ref checkStarted)) > RedisPulse.Pause)
            Volatile.Read(ref wake).TrySetResult();
    }

    public override void Dispose()
    {
        connection.Disturbed -= OnDisturbed;
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        connection.Disturbed += OnDisturbed;
        try
        {
            await connection.ConnectAsync().WaitAsync(stoppingToken).ConfigureAwait(false);
            while (true)
            {
                try
                {
                    await (live ? CheckAsync(stoppingToken) : RecoverAsync(stoppingToken)).ConfigureAwait(false);
                }
                catch (Exception e) when (RedisFaults.IsExpected(e) && !stoppingToken.IsCancellationRequested)
                {
                    Lose(RedisFaults.Describe(e));
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    // A bug. Going on not ready is seen from outside; an ended loop would be ready for ever.
                    logger.CheckFailed(e.GetType().Name);
                    Lose("the check failed");
                }
                await Volatile.Read(ref wake).Task
                    .WaitAsync(live ? RedisPulse.Interval : RedisPulse.Pause, time, stoppingToken)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                stoppingToken.ThrowIfCancellationRequested();
                Volatile.Write(ref wake, NewSignal());
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
        }
    }

    private async Task CheckAsync(CancellationToken cancellationToken)
    {
        var started = time.GetUtcNow().UtcDateTime;
        Volatile.Write(ref checkStarted, time.GetTimestamp());
        var (found, moved, nowhere) = await LookAsync(cancellationToken).ConfigureAwait(false);
        if (await ProblemOfAsync(found, cancellationToken).ConfigureAwait(false) is { } reason)
        {
            Lose(reason);
            return;
        }
        // Redis may count as many as it should, among them one that was given up and came to life.
        if (nowhere)
        {
            Lose(RedisDoubts.Deaf);
            return;
        }
        moved |= doubts.HaveSlotsMoved(found);
        doubts.Accept(found, started);
        var dropped = receiver.TakeDropped();
        if (dropped != Drops.None || moved)
        {
            Interlocked.Increment(ref epoch);
            await RepairAsync(moved || dropped == Drops.Unknown, cancellationToken).ConfigureAwait(false);
        }
        doubts.Clear();
        if (connection.IsCluster)
            slotMoves.Look();
        await subscriptions.SweepAsync().ConfigureAwait(false);
    }

    /// <summary>Takes the pulse, more than once while the client is about to follow a slot.</summary>
    /// <returns>
    /// It, whether channels were seen to have moved or to be on their way, and whether some are still nowhere.
    /// </returns>
    private async Task<(Pulse Found, bool Moved, bool Nowhere)> LookAsync(CancellationToken cancellationToken)
    {
        bool moved = false;
        for (int looks = 1; ; looks++)
        {
            var before = connection.IsCluster ? subscriptions.Look() : default;
            moved |= before.Moved > 0 || before.Nowhere > 0;
            if (before.Moved > 0)
                logger.Moved(before.Moved, subscriptions.Count);
            var found = await pulse.TakeAsync(before, cancellationToken).ConfigureAwait(false);
            // The client is about to follow a slot that is on its way. That takes it milliseconds.
            if (!connection.IsCluster || (before.Nowhere == 0 && !found.IsShort) || looks == 3)
                return (found, moved, before.Nowhere > 0);
            moved = true;
            await Task.Delay(RedisPulse.Pause, time, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task<string?> ProblemOfAsync(Pulse found, CancellationToken cancellationToken)
    {
        if (doubts.ProblemOf(found, afterRestore: false) is { } reason)
            return reason;
        if (receiver.Doubted)
            return "Redis stood still";
        if (await doubts.FindDeafAsync(found, cancellationToken).ConfigureAwait(false))
            return RedisDoubts.Deaf;
        return rights.IsDue ? await rights.FindProblemAsync(mayHang: live).ConfigureAwait(false) : null;
    }

    private async Task RecoverAsync(CancellationToken cancellationToken)
    {
        if (await recovery.TryAsync(cancellationToken).ConfigureAwait(false) is { } found)
        {
            Lose(found);
            return;
        }
        long verified = Epoch;
        // Before it is ready: whoever sees that must have got what it missed, or been told of it, ahead of anything newer.
        await RepairAsync(othersMayBeMissing: true, cancellationToken).ConfigureAwait(false);
        if (Epoch != verified)
        {
            Lose("the connection was lost");
            return;
        }
        doubts.Clear();
        if (connection.IsCluster)
            slotMoves.Look();
        if (wasLive || problemTold is not null)
        {
            // Others may still be deaf.
            long settling = (long)(RedisConnection.FollowTimeout.TotalSeconds * time.TimestampFrequency);
            Volatile.Write(ref settledAt, time.GetTimestamp() + settling);
        }
        live = wasLive = true;
        problemTold = null;
        rights.Reset();
        logger.BackplaneReady(subscriptions.Count, connection.Sharded == true);
    }

    /// <summary>
    /// What every doubt ends with, whatever it was: a lost connection, a failover, a slot that moved, a deaf subscription,
    /// messages dropped for want of room. What is published from here on arrives by itself.
    /// </summary>
    private async Task RepairAsync(bool othersMayBeMissing, CancellationToken cancellationToken)
    {
        var sinks = subscriptions.Sinks();
        if (sinks.Count == 0)
            return;
        var since = doubts.Since;
        metrics.Gap();
        logger.Gap(since);
        foreach (var sink in sinks)
            await sink.RepairAsync(since, othersMayBeMissing, cancellationToken).ConfigureAwait(false);
    }

    private void OnDisturbed(EndPoint? server, bool failed)
    {
        if (!doubts.Disturb(server))
            return;
        // Coming back loses nothing by itself, and is often told late; if the connection is another one than before,
        // the look that follows finds it.
        if (failed)
        {
            live = false;
            Interlocked.Increment(ref epoch);
            TellDoubt();
        }
        Volatile.Read(ref wake).TrySetResult();
    }

    // Before anything is heard of a server that takes over, as far as that is told in time.
    private void TellDoubt()
    {
        foreach (var sink in subscriptions.Sinks())
            sink.Doubt();
    }

    private void Lose(string reason)
    {
        if (live)
        {
            Interlocked.Increment(ref epoch);
            TellDoubt();
        }
        live = false;
        problem = reason;
        if (reason != problemTold)
            logger.BackplaneLost(reason);
        problemTold = reason;
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
