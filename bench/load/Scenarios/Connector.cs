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
internal sealed class Connector(
    EventLoop loop, IProtocol protocol, Options options, Progress progress, IConnectionEvents events) : IConnectionEvents
{
    private static readonly TimeSpan Stall = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private readonly Dictionary<LoadConnection, int> inFlight = [];
    private readonly Queue<int> refused = new();
    private readonly Stopwatch sinceRefusal = new();
    private int open;
    private bool isPassed;
    private string? fault;

    /// <summary>How often a server has said 503: come again.</summary>
    public int Refusals { get; private set; }

    /// <summary>Opens all of them.</summary>
    /// <returns>The connections in the order of the plans, and what went wrong; null if nothing.</returns>
    public (List<LoadConnection> Connections, string? Fault) Open(IReadOnlyList<Plan> plans)
    {
        var connections = new List<LoadConnection>(plans.Count);
        var sinceLast = Stopwatch.StartNew();
        for (int seen = 0; open < plans.Count && fault is null && !Program.IsStopping;)
        {
            StartSome(plans, connections);
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
        isPassed = true;
        return (connections, fault ?? (Program.IsStopping ? "stopped" : null));
    }

    /// <inheritdoc/>
    public void OnOpen(LoadConnection connection)
    {
        inFlight.Remove(connection);
        open++;
        events.OnOpen(connection);
    }

    /// <inheritdoc/>
    public void OnMessage(LoadConnection connection, ReadOnlySpan<byte> message) => events.OnMessage(connection, message);

    /// <inheritdoc/>
    public void OnClosed(LoadConnection connection, string? fault)
    {
        if (inFlight.Remove(connection, out int number) && connection.IsTurnedAway)
        {
            Refusals++;
            refused.Enqueue(number);
            sinceRefusal.Restart();
            return;
        }
        if (!isPassed)
            this.fault ??= $"{connection.Identity.ClientId}: {fault ?? "closed"}";
        events.OnClosed(connection, fault);
    }

    private void StartSome(IReadOnlyList<Plan> plans, List<LoadConnection> connections)
    {
        while (connections.Count < plans.Count && inFlight.Count + refused.Count < options.Concurrency)
            connections.Add(Start(plans[connections.Count], connections.Count));
        if (refused.Count == 0 || sinceRefusal.Elapsed < Pause)
            return;
        while (refused.TryDequeue(out int number))
            connections[number] = Start(plans[number], number);
    }

    private LoadConnection Start(Plan plan, int number)
    {
        int source = number / LoadConnection.ConnectionsPerAddress;
        var connection = LoadConnection.Start(loop, protocol, this, plan.Identity, source, plan.Receiver);
        inFlight.Add(connection, number);
        return connection;
    }
}
