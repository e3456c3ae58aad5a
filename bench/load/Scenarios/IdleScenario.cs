using System.Diagnostics;
using System.Text;
using Aether.Load.Measuring;
using Aether.Load.Net;
using Aether.Load.Protocols;
using Aether.Load.Reporting;
using Aether.Load.Traffic;

namespace Aether.Load.Scenarios;

/// <summary>Connections that are only held: what memory each of them costs a server, and what CPU.</summary>
internal sealed class IdleScenario(Options options) : IConnectionEvents
{
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan KeepAlivePeriod = TimeSpan.FromSeconds(10);

    private readonly IProtocol protocol = Protocol.Named(options.System, options.JoinPublishers);
    private readonly Meter meter = new(options.Processes);
    private string? fault;

    /// <summary>Runs it.</summary>
    public RunResult Run()
    {
        using var loop = new EventLoop();
        var progress = new Progress(options.Quiet);
        var result = RunResult.For(options);
        result.Unit = "connection held";
        var plans = Enumerable.Range(0, options.Connections).Select(PlanOne).ToList();
        var connector = new Connector(loop, protocol, options, progress, this);
        var (connections, failed) = connector.Open(plans);
        result.Refusals = connector.Refusals;
        fault ??= failed;
        if (fault is null)
        {
            loop.TurnFor(Settle);
            if (options.ReadyFile is { } path)
                File.WriteAllText(path, $"{connections.Count}\n");
            meter.Start();
            result.Seconds = Hold(loop, connections, progress);
            result.Resources = meter.Stop();
        }
        result.Connections = connections.Count;
        result.Count = connections.Count(connection => connection.IsOpen);
        result.Fault = fault;
        result.Ok = fault is null && !Program.IsStopping;
        progress.Clear();
        return result;
    }

    /// <inheritdoc/>
    public void OnOpen(LoadConnection connection)
    {
        // Connector counts them.
    }

    /// <inheritdoc/>
    public void OnMessage(LoadConnection connection, ReadOnlySpan<byte> message)
    {
        var rest = message;
        if (!Stamp.TryTake(ref rest, out _) && protocol.Fault(message) is { } text)
            fault ??= $"{connection.Identity.ClientId} was told: {text}";
    }

    /// <inheritdoc/>
    public void OnClosed(LoadConnection connection, string? fault) =>
        this.fault ??= $"{connection.Identity.ClientId}: {fault ?? "closed"}";

    // A hundred to a group: neither one crowd, nor everybody alone. What is named by a prefix takes a group each.
    private Plan PlanOne(int number)
    {
        int group = options.Prefix.Length > 0 ? number : number / 100;
        return new(
            new Identity(options.Urls[number % options.Urls.Count], $"{options.Prefix}g{group}",
                $"{options.Prefix}c{number}", Joins: true),
            Receiver: null);
    }

    private double Hold(EventLoop loop, List<LoadConnection> connections, Progress progress)
    {
        var clock = Stopwatch.StartNew();
        var sinceKeepAlive = Stopwatch.StartNew();
        while (clock.Elapsed < options.Duration && fault is null && !Program.IsStopping)
        {
            loop.Turn(TimeSpan.FromMilliseconds(50));
            if (protocol.KeepAlive is { } text && sinceKeepAlive.Elapsed > KeepAlivePeriod)
            {
                sinceKeepAlive.Restart();
                byte[] frame = ClientFrame.Build(Opcode.Text, Encoding.UTF8.GetBytes(text)).Frame;
                connections.ForEach(connection => connection.Send(frame));
            }
            if (progress.IsDue)
                progress.Show($"hold {clock.Elapsed.TotalSeconds:F0} s: {connections.Count:N0} connections");
        }
        return clock.Elapsed.TotalSeconds;
    }
}
