using Aether.Load.Measuring;
using Aether.Load.Net;
using Aether.Load.Protocols;
using Aether.Load.Reporting;
using Aether.Load.Traffic;

namespace Aether.Load.Scenarios;

/// <summary>Fan-out to groups, or direct messages between pairs: connect, probe, warm up, measure, check.</summary>
internal sealed class TrafficScenario(Options options)
{
    private static readonly TimeSpan ProbeLimit = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Aftermath = TimeSpan.FromMilliseconds(300);

    private readonly IProtocol protocol = Protocol.Named(options.System, options.JoinPublishers);
    private readonly Meter meter = new(options.Processes);
    private readonly List<Plan> plans = [];
    private readonly List<(int Plan, string? To, int Fan)> senders = [];

    /// <summary>Runs it.</summary>
    public RunResult Run()
    {
        if (options.Scenario == "direct")
            PlanPairs();
        else
            PlanGroups();
        using var loop = new EventLoop();
        var progress = new Progress(options.Quiet);
        var traffic = new TrafficRun(loop, protocol, options, progress);
        var result = RunResult.For(options);
        result.Unit = "delivery";
        result.Connections = plans.Count;
        result.Fault = Measure(loop, traffic, progress, result);
        result.Ok = result.Fault is null;
        progress.Clear();
        return result;
    }

    private string? Measure(EventLoop loop, TrafficRun traffic, Progress progress, RunResult result)
    {
        var connector = new Connector(loop, protocol, options, progress, traffic);
        var (connections, fault) = connector.Open(plans);
        result.Refusals = connector.Refusals;
        if (fault is not null)
            return fault;
        traffic.Connections.AddRange(connections);
        string payload = Stamp.Payload(options.Payload);
        foreach (var (plan, to, fan) in senders)
        {
            var identity = plans[plan].Identity;
            string message = to is null
                ? protocol.GroupMessage(identity, payload)
                : protocol.DirectMessage(identity, to, payload);
            traffic.Senders.Add(new Sender(connections[plan], traffic.Senders.Count, message, fan));
        }
        if (!traffic.Probe(ProbeLimit))
            return traffic.Fault ?? "not everybody got a message before the start";
        if (options.Warmup > TimeSpan.Zero && !traffic.Run("warm-up", options.Warmup))
            return traffic.Fault ?? Unfinished(traffic, "the warm-up");
        return Count(loop, traffic, result);
    }

    private string? Count(EventLoop loop, TrafficRun traffic, RunResult result)
    {
        var before = traffic.Counters.Copy();
        long sentBefore = Sent(traffic), began = traffic.Now;
        GC.Collect(); // what the warm-up left is not collected in the counted part
        meter.Start();
        bool finished = traffic.Run("measure", options.Duration);
        result.Resources = meter.Stop();
        loop.TurnFor(Aftermath); // what comes now is too much
        var counters = traffic.Counters;
        result.Sent = Sent(traffic) - sentBefore;
        result.Expected = result.Sent * traffic.Senders[0].Fan;
        result.Count = counters.Delivered - before.Delivered;
        result.Lost = traffic.Connections.Sum(connection => connection.Receiver?.Lost(traffic.Senders) ?? 0);
        result.Late = counters.Late;
        result.Duplicates = counters.Duplicates;
        result.Misdirected = counters.Misdirected;
        result.BytesPerDelivery = (double)(counters.Bytes - before.Bytes) / Math.Max(1, result.Count);
        result.Seconds = Math.Max(1, traffic.LastDelivery - began) / 1e9;
        result.LatencyUs = Quantiles.Of(traffic.Latency);
        result.SendLagUs = options.Rate is null ? null : Quantiles.Of(traffic.Lag);
        if (traffic.Fault is not null)
            return traffic.Fault;
        if (result.Lost + result.Late + result.Duplicates + result.Misdirected > 0 || result.Count != result.Expected)
            return $"{result.Lost} lost, {result.Late} out of order, {result.Duplicates} twice, "
                + $"{result.Misdirected} misdirected";
        return finished ? null : Unfinished(traffic, "the run");
    }

    private static string Unfinished(TrafficRun traffic, string phase) => Program.IsStopping
        ? "stopped"
        : $"{traffic.Connections.Sum(c => c.Receiver?.Lost(traffic.Senders) ?? 0)} lost in {phase}";

    private static long Sent(TrafficRun traffic) => traffic.Senders.Sum(sender => sender.Sent);

    private void PlanGroups()
    {
        for (int group = 0; group < options.Groups; group++)
        {
            string id = $"{options.Prefix}g{group}";
            int first = senders.Count, heard = options.Publishers;
            bool members = protocol.PublishersAreMembers;
            for (int i = 0; i < options.Publishers; i++)
            {
                var server = options.Cross ? options.Urls[0] : Spread(group + i);
                senders.Add((plans.Count, null, options.Fan));
                plans.Add(new(new Identity(server, id, $"{options.Prefix}p{group}-{i}", members),
                    members ? new Receiver(first, heard) : null));
            }
            for (int i = members ? options.Publishers : 0; i < options.Fan; i++)
            {
                var server = options.Cross ? Others(group + i) : Spread(group + i);
                plans.Add(new(new Identity(server, id, $"{options.Prefix}s{group}-{i}", Joins: true),
                    new Receiver(first, heard)));
            }
        }
    }

    private void PlanPairs()
    {
        for (int pair = 0; pair < options.Pairs; pair++)
        {
            string id = $"{options.Prefix}g{pair}", a = $"{options.Prefix}a{pair}", b = $"{options.Prefix}b{pair}";
            var serverOfA = options.Cross ? options.Urls[0] : Spread(pair);
            var serverOfB = options.Cross ? Others(pair) : Spread(pair);
            int sender = senders.Count;
            senders.Add((plans.Count, b, 1));
            plans.Add(new(new Identity(serverOfA, id, a, Joins: false), new Receiver(sender + 1, 1)));
            senders.Add((plans.Count, a, 1));
            plans.Add(new(new Identity(serverOfB, id, b, Joins: false), new Receiver(sender, 1)));
        }
    }

    private Endpoint Spread(int number) => options.Urls[number % options.Urls.Count];

    private Endpoint Others(int number) => options.Urls[1 + (number % (options.Urls.Count - 1))];
}
