using Aether.Load.Measuring;
using Aether.Load.Net;
using Aether.Load.Protocols;

namespace Aether.Load.Traffic;

/// <summary>Sends, takes what comes, and checks it: closed loop with a window, or open loop by the clock.</summary>
internal sealed class TrafficRun(EventLoop loop, IProtocol protocol, Options options, Progress progress)
    : IConnectionEvents
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan KeepAlivePeriod = TimeSpan.FromSeconds(10);

    private readonly Queue<Sender> ready = new();
    private readonly NanoClock clock = new();
    private bool sending;
    private long lastKeepAlive;
    private long inFlight;

    /// <summary>Everybody who sends, by number.</summary>
    public List<Sender> Senders { get; } = [];

    /// <summary>All connections.</summary>
    public List<LoadConnection> Connections { get; } = [];

    /// <summary>What arrived since the start.</summary>
    public Counters Counters { get; } = new();

    /// <summary>From when a message was due to when it arrived.</summary>
    public Histogram Latency { get; private set; } = new();

    /// <summary>From when a message was due to when it was sent.</summary>
    public Histogram Lag { get; private set; } = new();

    /// <summary>What went wrong first; null if nothing.</summary>
    public string? Fault { get; private set; }

    /// <summary>When the last delivery came, in ns.</summary>
    public long LastDelivery { get; private set; }

    /// <summary>The driver's clock.</summary>
    public long Now => clock.Now;

    /// <inheritdoc/>
    public void OnOpen(LoadConnection connection)
    {
        // Connector counts them.
    }

    /// <inheritdoc/>
    public void OnClosed(LoadConnection connection, string? fault) =>
        Fault ??= $"{connection.Identity.ClientId}: {fault ?? "closed"}";

    /// <inheritdoc/>
    public void OnMessage(LoadConnection connection, ReadOnlySpan<byte> message)
    {
        Counters.Bytes += message.Length;
        var rest = message;
        bool any = false;
        while (Stamp.TryTake(ref rest, out var stamp))
        {
            any = true;
            OnDelivery(connection.Receiver, stamp);
        }
        if (!any && protocol.Fault(message) is { } fault)
            Fault ??= $"{connection.Identity.ClientId} was told: {fault}";
    }

    /// <summary>Sends until everybody has heard everybody whom they should hear, and then until nothing comes any more.</summary>
    public bool Probe(TimeSpan limit)
    {
        bool everybody = false;
        for (long end = Now + limit.Nanoseconds(); !everybody && Fault is null && Now < end;)
        {
            foreach (var sender in Senders)
                sender.SendProbe();
            everybody = loop.TurnUntil(
                () => Fault is not null || Connections.TrueForAll(c => c.Receiver is null or { IsProbed: true }),
                TimeSpan.FromMilliseconds(500));
        }
        loop.TurnFor(TimeSpan.FromMilliseconds(300));
        return everybody && Fault is null;
    }

    /// <summary>Sends for a while, then waits until all of it has arrived.</summary>
    /// <returns>Whether all of it has.</returns>
    public bool Run(string phase, TimeSpan time)
    {
        (Latency, Lag) = (new(), new());
        var before = Counters.Copy();
        long began = Now, end = began + time.Nanoseconds();
        sending = true;
        if (options.Rate is { } rate)
            SendByTheClock(rate, began, end, () => Report(phase, began, before));
        else
            SendByWindow(end, () => Report(phase, began, before));
        sending = false;
        ready.Clear();
        foreach (var sender in Senders)
            sender.IsWaiting = false;
        return loop.TurnUntil(() => Fault is not null || Program.IsStopping || inFlight == 0, options.Drain)
            && Fault is null && !Program.IsStopping;
    }

    private void SendByWindow(long end, Action report)
    {
        foreach (var sender in Senders)
            Enqueue(sender);
        for (long now = Now; now < end && Fault is null && !Program.IsStopping; now = Now)
        {
            while (inFlight < options.InFlight && ready.TryDequeue(out var sender))
            {
                sender.IsWaiting = false;
                sender.Send(now);
                inFlight++;
                Enqueue(sender);
            }
            loop.Turn(Tick);
            KeepAlive();
            report();
        }
    }

    private void SendByTheClock(double rate, long began, long end, Action report)
    {
        long number = 0;
        double interval = 1e9 / rate;
        while (Now is var now && now < end && Fault is null && !Program.IsStopping)
        {
            long due = began + (long)(number * interval);
            for (; due <= now && due < end; due = began + (long)(number * interval))
            {
                Senders[(int)(number++ % Senders.Count)].Send(due);
                inFlight++;
                Lag.Add(now - due);
            }
            long wait = Math.Min(Math.Max(0, due - Now), Tick.Nanoseconds());
            loop.Turn(TimeSpan.FromTicks((wait + 99) / 100));
            KeepAlive();
            report();
        }
    }

    private void Enqueue(Sender sender)
    {
        if (sender.IsWaiting || sender.Outstanding >= options.Window)
            return;
        sender.IsWaiting = true;
        ready.Enqueue(sender);
    }

    private void OnDelivery(Receiver? receiver, in Stamp stamp)
    {
        if (receiver is null || stamp.Sender >= Senders.Count)
        {
            Counters.Misdirected++;
            return;
        }
        if (stamp.Probe)
        {
            if (!receiver.TakeProbe(stamp.Sender))
                Counters.Misdirected++;
            return;
        }
        switch (receiver.Take(stamp))
        {
            case Verdict.Misdirected:
                Counters.Misdirected++;
                return;
            case Verdict.Duplicate:
                Counters.Duplicates++;
                return;
            case Verdict.Late:
                Counters.Late++;
                break;
        }
        Counters.Delivered++;
        LastDelivery = Now;
        Latency.Add(LastDelivery - stamp.Due);
        var sender = Senders[stamp.Sender];
        if (sender.OnDelivered())
            inFlight--;
        if (sending && options.Rate is null)
            Enqueue(sender);
    }

    /// <summary>Who only listens must say something now and then in some systems.</summary>
    private void KeepAlive()
    {
        if (protocol.KeepAlive is null || Now - lastKeepAlive < KeepAlivePeriod.Nanoseconds())
            return;
        lastKeepAlive = Now;
        byte[] frame = ClientFrame.Build(Opcode.Text, System.Text.Encoding.UTF8.GetBytes(protocol.KeepAlive)).Frame;
        foreach (var connection in Connections)
            connection.Send(frame);
    }

    private void Report(string phase, long began, Counters before)
    {
        if (!progress.IsDue)
            return;
        double seconds = (Now - began) / 1e9;
        long delivered = Counters.Delivered - before.Delivered;
        progress.Show($"{phase} {seconds:F0} s: {delivered:N0} deliveries, {delivered / seconds:N0}/s");
    }
}
