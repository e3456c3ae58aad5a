using System.Diagnostics;
using Aether.Load.Measuring;
using Aether.Load.Net;
using Aether.Load.Protocols;
using Aether.Load.Traffic;

namespace Aether.Load.Scenarios;

/// <summary>Who is to be connected.</summary>
/// <param name="Identity">Where and as whom.</param>
/// <param name="Receiver">What it should receive; null if nothing.</param>
internal sealed record Plan(Identity Identity, Receiver? Receiver);

/// <summary>Opens connections, some at a time.</summary>
internal sealed class Connector(EventLoop loop, IProtocol protocol, Options options, Progress progress)
{
    private static readonly TimeSpan Stall = TimeSpan.FromSeconds(20);

    /// <summary>Opens all of them.</summary>
    /// <returns>The connections in the order of the plans, and what went wrong; null if nothing.</returns>
    public (List<LoadConnection> Connections, string? Fault) Open(IReadOnlyList<Plan> plans, IConnectionEvents events)
    {
        var connections = new List<LoadConnection>(plans.Count);
        int open = 0;
        string? fault = null;
        // Until all are open this listens in, to count them and to hear of failures.
        var gate = new Gate(events, () => open++, text => fault ??= text);
        var sinceLast = Stopwatch.StartNew();
        for (int seen = 0; open < plans.Count && fault is null && !Program.IsStopping;)
        {
            while (connections.Count < plans.Count && connections.Count - open < options.Concurrency)
            {
                var plan = plans[connections.Count];
                int source = connections.Count / LoadConnection.ConnectionsPerAddress;
                connections.Add(LoadConnection.Start(loop, protocol, gate, plan.Identity, source, plan.Receiver));
            }
            loop.Turn(TimeSpan.FromMilliseconds(50));
            if (seen != open)
            {
                seen = open;
                sinceLast.Restart();
            }
            if (sinceLast.Elapsed > Stall)
                fault ??= $"no connection was opened for {Stall.TotalSeconds:F0} s";
            if (progress.IsDue)
                progress.Show($"connect: {open:N0} of {plans.Count:N0}");
        }
        gate.IsPassed = true;
        return (connections, fault ?? (Program.IsStopping ? "stopped" : null));
    }

    private sealed class Gate(IConnectionEvents events, Action opened, Action<string> failed) : IConnectionEvents
    {
        public bool IsPassed { get; set; }

        public void OnOpen(LoadConnection connection)
        {
            opened();
            events.OnOpen(connection);
        }

        public void OnMessage(LoadConnection connection, ReadOnlySpan<byte> message) =>
            events.OnMessage(connection, message);

        public void OnClosed(LoadConnection connection, string? fault)
        {
            if (!IsPassed)
                failed($"{connection.Identity.ClientId}: {fault ?? "closed"}");
            events.OnClosed(connection, fault);
        }
    }
}
