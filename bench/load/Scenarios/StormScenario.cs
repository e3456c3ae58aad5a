using System.Diagnostics;
using Aether.Load.Measuring;
using Aether.Load.Net;
using Aether.Load.Protocols;
using Aether.Load.Reporting;

namespace Aether.Load.Scenarios;

/// <summary>Clients that come and go: each connects, says goodbye as soon as it is ready, and the next one comes.</summary>
internal sealed class StormScenario(Options options) : IConnectionEvents
{
    // A port that was just used is not free at once everywhere; so many addresses have ports enough.
    private const int Addresses = 32;

    private readonly IProtocol protocol = Protocol.Named(options.System, options.JoinPublishers);
    private readonly Meter meter = new(options.Processes);
    private readonly Progress progress = new(options.Quiet);
    private Histogram ready = new();
    private long started, finished;
    private string? fault;

    /// <summary>Runs it.</summary>
    public RunResult Run()
    {
        using var loop = new EventLoop();
        var result = RunResult.For(options);
        result.Unit = "connection";
        if (options.Warmup > TimeSpan.Zero)
            Storm(loop, "warm-up", options.Warmup);
        if (fault is null)
        {
            (ready, finished, started) = (new(), 0, 0);
            meter.Start();
            result.Seconds = Storm(loop, "storm", options.Duration);
            result.Resources = meter.Stop();
            result.Sent = result.Expected = started;
            result.Count = finished;
            result.LatencyUs = Quantiles.Of(ready);
        }
        result.Connections = options.Concurrency;
        result.Fault = fault ?? (Program.IsStopping ? "stopped" : started != finished ? "not all were closed" : null);
        result.Ok = result.Fault is null;
        progress.Clear();
        return result;
    }

    /// <inheritdoc/>
    public void OnOpen(LoadConnection connection)
    {
        ready.Add(Stopwatch.GetElapsedTime(connection.Began).Nanoseconds());
        connection.BeginClose();
    }

    /// <inheritdoc/>
    public void OnMessage(LoadConnection connection, ReadOnlySpan<byte> message)
    {
        // Nobody sends; a ping of SignalR's at most.
    }

    /// <inheritdoc/>
    public void OnClosed(LoadConnection connection, string? fault)
    {
        finished++;
        if (fault is not null)
            this.fault ??= $"{connection.Identity.ClientId}: {fault}";
    }

    private double Storm(EventLoop loop, string phase, TimeSpan time)
    {
        var clock = Stopwatch.StartNew();
        long offset = started;
        while (clock.Elapsed < time && fault is null && !Program.IsStopping)
        {
            while (started - finished < options.Concurrency)
                Start(loop);
            loop.Turn(TimeSpan.FromMilliseconds(50));
            if (progress.IsDue)
                progress.Show($"{phase} {clock.Elapsed.TotalSeconds:F0} s: {started - offset:N0} connections");
        }
        loop.TurnUntil(() => started == finished || fault is not null, options.Drain);
        return clock.Elapsed.TotalSeconds;
    }

    private void Start(EventLoop loop)
    {
        long number = started++;
        var identity = new Identity(options.Urls[(int)(number % options.Urls.Count)],
            $"{options.Prefix}g{number % options.Groups}", $"{options.Prefix}c{number}", Joins: true);
        LoadConnection.Start(loop, protocol, this, identity, (int)(number % Addresses), receiver: null);
    }
}
