using System.Globalization;
using System.Net;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Aether.Infrastructure.Redis;

/// <summary>
/// Knows whether the backplane can be relied on. Connected is not subscribed, and the client's events come late, in the
/// wrong order or not at all, so once a second this instance
/// <list type="bullet">
/// <item>publishes on a channel that only it hears, and has to hear itself: publishing and receiving work;</item>
/// <item>asks Redis, on the connection of its subscriptions, which connection that is and how many channels it has:
/// another connection than before means a gap that no event told of, too few channels a deaf subscription.</item>
/// </list>
/// After any doubt every channel is verified before it is ready again, and the sinks are told the gap. A server that
/// has not answered for two intervals is stalled: until it has answered twice again, what comes from it is dropped as
/// late.
/// </summary>
internal sealed class RedisHealth(
    RedisConnection connection,
    RedisSubscriptions subscriptions,
    RedisReceiver receiver,
    RedisNames names,
    RedisMetrics metrics,
    TimeProvider time,
    ILogger<RedisHealth> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    /// <summary>
    /// How often everything may look present while Redis counts too few, before all is subscribed anew.
    /// </summary>
    private const int MaxUnexplained = 3;

    private readonly string instance = Guid.NewGuid().ToString("N");
    private TaskCompletionSource wake = NewSignal();
    private string? problemTold;
    private volatile Dictionary<EndPoint, long> connections = [];
    private RedisChannel probe;
    private bool probeSubscribed;
    private int unexplained;
    private DateTime lastGood = time.GetUtcNow().UtcDateTime;
    private TaskCompletionSource? hearing;
    private long expected;
    private long lastHeard;
    private long epoch;
    private int disturbed;
    private volatile bool live;
    private volatile bool publisherStalled;

    /// <summary>Whether every subscription is known to be live, and what is published arrives.</summary>
    public bool IsReady =>
        live && connection.IsConnected && time.GetElapsedTime(Volatile.Read(ref lastHeard)) < 3 * Interval;

    /// <summary>Whether there is a connection to publish on, as far as is known.</summary>
    public bool CanPublish => !publisherStalled && connection.IsConnected;

    /// <summary>Grows with everything that may have lost a message.</summary>
    public long Epoch => Volatile.Read(ref epoch);

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
                    Lose(e.GetType().Name);
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    // A bug. Going on not ready is seen from outside; an ended loop would be ready for ever.
                    logger.CheckFailed(e.GetType().Name);
                    Lose("the check failed");
                }
                await Volatile.Read(ref wake).Task.WaitAsync(live ? Interval : Pause, time, stoppingToken)
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
        var pulse = await PulseAsync(cancellationToken).ConfigureAwait(false);
        if (ProblemOf(pulse, afterRestore: false) is { } problem)
        {
            Lose(problem);
            return;
        }
        connections = pulse.Connections;
        if (receiver.TakeDropped())
        {
            Interlocked.Increment(ref epoch);
            ReportGap();
        }
        lastGood = started;
        await subscriptions.SweepAsync().ConfigureAwait(false);
    }

    private async Task RecoverAsync(CancellationToken cancellationToken)
    {
        if (!connection.IsConnected || !connection.SubscriptionServers.Any())
        {
            Lose("not connected");
            return;
        }
        await EnsureProbeAsync().ConfigureAwait(false);
        // Whatever disturbs from here on makes this attempt void.
        Interlocked.Exchange(ref disturbed, 0);
        var first = await PulseAsync(cancellationToken).ConfigureAwait(false);
        if (!first.Answered)
        {
            Lose("Redis does not answer");
            return;
        }
        bool all = unexplained >= MaxUnexplained;
        if (!await subscriptions.RestoreAsync(all, cancellationToken).ConfigureAwait(false))
            return;
        if (all)
            unexplained = 0;
        // What a stalled server still holds comes out before it has answered a second time.
        if (receiver.Stalled.Length > 0)
            await Task.Delay(Pause, time, cancellationToken).ConfigureAwait(false);
        var started = time.GetUtcNow().UtcDateTime;
        var second = await PulseAsync(cancellationToken).ConfigureAwait(false);
        if (ProblemOf(second, afterRestore: true) is { } problem)
        {
            if (problem == Deaf)
                unexplained++;
            if (!second.Heard)
                probeSubscribed = false;
            Lose(problem);
            return;
        }
        unexplained = 0;
        connections = second.Connections;
        receiver.Stalled = [];
        receiver.TakeDropped();
        // Before it is ready: whoever sees that must have been told of the gap ahead of anything newer.
        ReportGap();
        lastGood = started;
        live = true;
        problemTold = null;
        logger.BackplaneReady(subscriptions.Count, connection.Sharded == true);
    }

    private const string Deaf = "Redis does not know of every subscription";

    private string? ProblemOf(in Pulse pulse, bool afterRestore)
    {
        if (!pulse.Answered)
            return "Redis does not answer";
        if (!pulse.Heard)
            return "the probe was not heard";
        if (Interlocked.Exchange(ref disturbed, 0) != 0 && (afterRestore || pulse.Connections.Count == 0))
            return "the connection was lost";
        if (!afterRestore && IsReplaced(pulse.Connections))
            return "the connection was replaced";
        return pulse.IsShort ? Deaf : null;
    }

    private bool IsReplaced(Dictionary<EndPoint, long> now)
    {
        foreach (var (server, id) in connections)
        {
            if (!now.TryGetValue(server, out long current) || current != id)
                return true;
        }
        return false;
    }

    /// <summary>Asks everything at once, and waits one interval for the answers.</summary>
    private async Task<Pulse> PulseAsync(CancellationToken cancellationToken)
    {
        long sent = time.GetTimestamp();
        var heard = NewSignal();
        Volatile.Write(ref expected, sent);
        Volatile.Write(ref hearing, heard);
        var before = subscriptions.Totals;
        var published = connection.Publisher is { } publisher && probeSubscribed
            ? publisher.PublishAsync(probe, sent)
            : Task.FromResult(0L);
        RedisFaults.Observe(published);
        var servers = connection.SubscriptionServers.ToArray();
        var answers = new Task<Census>[servers.Length];
        for (int i = 0; i < servers.Length; i++)
            answers[i] = AskAsync(servers[i]);
        var everything = Task.WhenAll([heard.Task, published, .. answers]);
        RedisFaults.Observe(everything);
        await Task.WhenAny(everything, Task.Delay(Interval, time, cancellationToken)).ConfigureAwait(false);
        // An instance that is starved itself must not blame Redis for answers that it has no time to read.
        if (!everything.IsCompleted && time.GetElapsedTime(sent) > Interval + Pause)
            await Task.WhenAny(everything, Task.Delay(Interval, time, cancellationToken)).ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();

        publisherStalled = !published.IsCompleted;
        var found = new Dictionary<EndPoint, long>();
        long channels = 0;
        bool answered = servers.Length > 0, counted = answered;
        for (int i = 0; i < servers.Length; i++)
        {
            if (!answers[i].IsCompletedSuccessfully)
            {
                answered = false;
                if (!answers[i].IsCompleted && !receiver.Stalled.Contains(servers[i].EndPoint))
                    receiver.Stalled = [.. receiver.Stalled, servers[i].EndPoint];
                continue;
            }
            var census = await answers[i].ConfigureAwait(false);
            counted &= census.IsKnown;
            channels += census.Channels;
            if (census.IsKnown)
                found[servers[i].EndPoint] = census.Connection;
        }
        // What was confirmed before the question and not ended since must be there; one more is the probe.
        long least = before.Confirmed - subscriptions.Totals.Ended + 1;
        return new Pulse(answered, heard.Task.IsCompleted, answered && counted && channels < least, found);
    }

    private static async Task<Census> AskAsync(IServer server)
    {
        try
        {
            var reply = await server.ExecuteAsync("CLIENT", "INFO").ConfigureAwait(false);
            // Without RESP3 the subscriptions have a connection of their own that this one knows nothing of.
            return server.Protocol == RedisProtocol.Resp3 ? Census.Parse(reply.ToString()) : default;
        }
        catch (RedisServerException)
        {
            // Before 6.2 or not allowed: an answer all the same.
            return default;
        }
        catch (RedisCommandException)
        {
            // The connection string takes CLIENT away, so nothing was asked yet.
            await server.PingAsync().ConfigureAwait(false);
            return default;
        }
    }

    private async Task EnsureProbeAsync()
    {
        if (probeSubscribed || connection.Subscriber is not { } subscriber)
            return;
        bool sharded = await connection.DetectShardingAsync().ConfigureAwait(false);
        probe = names.Probe(instance, sharded);
        try
        {
            // The client takes a channel that it holds for live without asking Redis, so it has to forget it first.
            await subscriber.UnsubscribeAsync(probe).ConfigureAwait(false);
        }
        catch (Exception e) when (RedisFaults.IsExpected(e))
        {
            // It was not subscribed, or will not be once the connection is gone.
        }
        await subscriber.SubscribeAsync(probe, OnProbe).ConfigureAwait(false);
        probeSubscribed = true;
    }

    private void OnProbe(RedisChannel channel, RedisValue value)
    {
        if (!value.TryParse(out long sent) || sent != Volatile.Read(ref expected))
            return;
        Volatile.Write(ref lastHeard, time.GetTimestamp());
        Volatile.Read(ref hearing)?.TrySetResult();
    }

    private void OnDisturbed(EndPoint? attempted, bool failed)
    {
        var inUse = connections;
        if (attempted is not null && inUse.Count > 0 && !inUse.ContainsKey(attempted))
            return;
        Volatile.Write(ref disturbed, 1);
        // Coming back loses nothing by itself, and is often told late; if the connection is another one than before,
        // the look that follows finds it.
        if (failed)
        {
            live = false;
            Interlocked.Increment(ref epoch);
        }
        Volatile.Read(ref wake).TrySetResult();
    }

    private void Lose(string reason)
    {
        if (live)
            Interlocked.Increment(ref epoch);
        live = false;
        if (reason != problemTold)
            logger.BackplaneLost(reason);
        problemTold = reason;
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void ReportGap()
    {
        var sinks = subscriptions.Sinks();
        if (sinks.Count == 0)
            return;
        metrics.Gap();
        logger.Gap(lastGood);
        foreach (var sink in sinks)
            sink.ReportGap(lastGood);
    }

    /// <summary>What one look at the backplane found.</summary>
    /// <param name="Answered">Whether every connected server answered.</param>
    /// <param name="Heard">Whether the probe came back.</param>
    /// <param name="IsShort">Whether Redis has fewer channels for this instance than it has confirmed.</param>
    /// <param name="Connections">The connection of the subscriptions on each server that tells it.</param>
    private readonly record struct Pulse(
        bool Answered, bool Heard, bool IsShort, Dictionary<EndPoint, long> Connections);

    /// <summary>What a server says of the connection that asks.</summary>
    private readonly record struct Census(bool IsKnown, long Connection, long Channels)
    {
        public static Census Parse(string info)
        {
            long? connection = Field(info, "id="), channels = Field(info, "sub="), shard = Field(info, "ssub=");
            return connection is null || channels is null
                ? default
                : new Census(true, connection.Value, channels.Value + (shard ?? 0));
        }

        private static long? Field(string info, string name)
        {
            foreach (var part in info.AsSpan().Split(' '))
            {
                var field = info.AsSpan()[part];
                if (field.StartsWith(name, StringComparison.Ordinal)
                    && long.TryParse(field[name.Length..], CultureInfo.InvariantCulture, out long value))
                    return value;
            }
            return null;
        }
    }
}
