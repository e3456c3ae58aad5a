using System.Net;
using Aether.Infrastructure.Redis.Connections;
using Aether.Infrastructure.Redis.Subscriptions;
using Microsoft.Extensions.Logging;

namespace Aether.Infrastructure.Redis.Health;

/// <summary>
/// Looks at the backplane, all at once: publishes a probe, and asks every server, on the connection of the
/// subscriptions, whether it is a primary, which connection that is and how many channels it has.
/// </summary>
internal sealed class RedisPulse(
    RedisConnection connection,
    RedisSubscriptions subscriptions,
    RedisReceiver receiver,
    RedisProbe probe,
    TimeProvider time,
    ILogger<RedisPulse> logger)
{
    /// <summary>How often it is taken while all is well, and how long the answers may take.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>How long to wait before it is taken again where something does not fit.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    private volatile bool publisherStalled;
    private string? degradedTold;

    /// <summary>Whether the last probe was not even published.</summary>
    public bool PublisherStalled => publisherStalled;

    /// <summary>Asks everything at once, and waits one interval for the answers.</summary>
    /// <param name="expectedAt">Where the channels should be found; none: anywhere.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<Pulse> TakeAsync(Whereabouts expectedAt, CancellationToken cancellationToken)
    {
        long sent = time.GetTimestamp();
        var before = subscriptions.Totals;
        var (published, heard) = probe.Send(sent);
        var servers = connection.SubscriptionServers.ToArray();
        var answers = new Task<RedisCensus>[servers.Length];
        for (int i = 0; i < servers.Length; i++)
            answers[i] = RedisCensus.AskAsync(servers[i], connection);
        var everything = Task.WhenAll([heard, published, .. answers]);
        RedisFaults.Observe(everything);
        await Task.WhenAny(everything, Task.Delay(Interval, time, cancellationToken)).ConfigureAwait(false);
        // An instance that is starved itself must not blame Redis for answers that it has no time to read.
        if (!everything.IsCompleted && time.GetElapsedTime(sent) > Interval + Pause)
            await Task.WhenAny(everything, Task.Delay(Interval, time, cancellationToken)).ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();

        publisherStalled = !published.IsCompleted;
        var primaries = new List<RedisCensus>();
        bool answered = servers.Length > 0;
        for (int i = 0; i < servers.Length; i++)
        {
            if (answers[i].IsCompletedSuccessfully)
            {
                var census = await answers[i].ConfigureAwait(false);
                TellDegraded(census);
                if (census.IsPrimary)
                    primaries.Add(census);
                continue;
            }
            // Nothing of ours lives on a replica, so it may hang as it likes.
            answered &= servers[i].IsReplica;
            if (!answers[i].IsCompleted && !receiver.Stalled.Contains(servers[i].EndPoint))
                receiver.Stalled = [.. receiver.Stalled, servers[i].EndPoint];
        }
        var homes = primaries.Select(one => one.EndPoint).ToHashSet();
        string? problem = primaries.Count == 0 ? "no server that can be reached is a primary"
            : primaries.Exists(one => !one.Serves) ? "the cluster does not serve every slot"
            : !connection.IsCluster && primaries.Count > 1
                && await RedisCensus.CountAsync(primaries).ConfigureAwait(false) > 1
                ? "more than one server says that it is the primary"
            : null;
        // Heard on the server where it is published: its answer counts the one who hears.
        bool isHeard = heard.IsCompleted
            && probe.Home is { } probed && homes.Contains(probed)
            && (!connection.CountsEverybody || (published.IsCompletedSuccessfully && published.Result > 0));
        return new Pulse(
            answered,
            isHeard,
            answered && IsShort(primaries, expectedAt, before),
            problem,
            homes,
            primaries.Where(one => one.Connection is not null)
                .ToDictionary(one => one.EndPoint, one => one.Connection!.Value),
            primaries.Where(one => one.Epoch is not null).ToDictionary(one => one.EndPoint, one => one.Epoch!));
    }

    /// <summary>
    /// Whether Redis has fewer channels for this instance than it confirmed before the question. Those that were ended
    /// since may be gone; one more is the probe.
    /// </summary>
    private bool IsShort(
        List<RedisCensus> primaries, Whereabouts expectedAt, (long Confirmed, long Ended) before)
    {
        if (primaries.Exists(one => one.Connection is null))
            return false;
        long ended = subscriptions.Totals.Ended;
        if (primaries.Sum(one => one.Channels) < before.Confirmed - ended + 1)
            return true;
        if (expectedAt.Counts is null)
            return false;
        foreach (var (server, count) in expectedAt.Counts)
        {
            long found = primaries.Find(one => one.EndPoint.Equals(server))?.Channels ?? 0;
            if (found + (ended - before.Ended) < count)
                return true;
        }
        return false;
    }

    private void TellDegraded(RedisCensus census)
    {
        if (census.Unknown.Count == 0)
            return;
        string missing = string.Join(", ", census.Unknown);
        if (missing != degradedTold)
            logger.Degraded(missing);
        degradedTold = missing;
    }
}

/// <summary>What one look at the backplane found.</summary>
/// <param name="Answered">Whether every connected server that matters answered.</param>
/// <param name="Heard">Whether the probe came back, on the server that it was published on.</param>
/// <param name="IsShort">Whether Redis has fewer channels for this instance than it has confirmed.</param>
/// <param name="Problem">Why the servers cannot be relied on as they are.</param>
/// <param name="Homes">The servers that channels are published on, and so have to live on.</param>
/// <param name="Connections">The connection of the subscriptions on each of them that tells it.</param>
/// <param name="Epochs">On a cluster: what grows on each of them when it gets slots.</param>
internal readonly record struct Pulse(
    bool Answered,
    bool Heard,
    bool IsShort,
    string? Problem,
    HashSet<EndPoint> Homes,
    Dictionary<EndPoint, long> Connections,
    Dictionary<EndPoint, string> Epochs);
