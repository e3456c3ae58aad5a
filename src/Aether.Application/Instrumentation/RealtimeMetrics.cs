using System.Diagnostics.Metrics;
using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Domain;
using Aether.Domain.Commands;

namespace Aether.Application.Instrumentation;

/// <summary>
/// What the real-time layer counts and times. Durations are in seconds. No tag ever holds an id or anything else that a
/// client chooses: the number of time series stays small whatever clients do.
/// </summary>
internal sealed class RealtimeMetrics : IDisposable
{
    /// <summary>The name to give to <c>AddMeter</c>.</summary>
    public const string MeterName = "Aether.Realtime";

    // From a publish in memory to a backplane that hangs. Without advice collectors take boundaries made for
    // milliseconds.
    private static readonly InstrumentAdvice<double> Durations = new()
    {
        HistogramBucketBoundaries =
            [0.000_01, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5],
    };

    // From a worker that answers at once to a rollout of a day.
    private static readonly InstrumentAdvice<double> CommandDurations = new()
    {
        HistogramBucketBoundaries = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300, 1_800, 3_600, 21_600, 86_400],
    };

    // From a member that answers at once to one that was away for an hour.
    private static readonly InstrumentAdvice<double> Takes = new()
    {
        HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3_600],
    };

    // Limits are kept within 2 s: whether they are has to be seen.
    private static readonly InstrumentAdvice<double> Lags = new()
    {
        HistogramBucketBoundaries = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 60],
    };

    private readonly Counter<long> published;
    private readonly Histogram<double> publishDuration;
    private readonly Counter<long> subscriptions;
    private readonly Counter<long> transitions;
    private readonly Histogram<double> presenceDuration;
    private readonly Counter<long> recoveries;
    private readonly Counter<long> repaired;
    private readonly Counter<long> reads;
    private readonly Counter<long> garbage;
    private readonly Counter<long> commands;
    private readonly Counter<long> executions;
    private readonly Histogram<double> commandDuration;
    private readonly Histogram<double> takeDuration;
    private readonly Histogram<double> dueLag;
    private readonly Counter<long> leases;
    private readonly Counter<long> stale;

    /// <summary>Creates the instruments.</summary>
    /// <param name="meters">The host's, which tells its meters from those of another host in the process.</param>
    public RealtimeMetrics(IMeterFactory? meters = null)
    {
        Meter = meters?.Create(MeterName) ?? new Meter(MeterName);
        published = Meter.CreateCounter<long>(
            "aether.messages.published", "{message}", "Messages given to the backplane, by target and outcome.");
        publishDuration = Meter.CreateHistogram<double>(
            "aether.publish.duration",
            "s",
            "From giving a message to the backplane to its answer, by target.",
            advice: Durations);
        subscriptions = Meter.CreateCounter<long>(
            "aether.subscription.changes", "{change}", "Channels subscribed to and left, by operation and outcome.");
        transitions = Meter.CreateCounter<long>(
            "aether.presence.transitions", "{transition}", "Clients that came to or went from a group.");
        presenceDuration = Meter.CreateHistogram<double>(
            "aether.presence.duration",
            "s",
            "Calls to the presence store, by operation and outcome.",
            advice: Durations);
        recoveries = Meter.CreateCounter<long>(
            "aether.history.recoveries",
            "{channel}",
            "Channels that connections asked for what they missed of, by target and status.");
        repaired = Meter.CreateCounter<long>(
            "aether.history.repaired", "{message}", "Kept messages that an instance had missed and read.");
        reads = Meter.CreateCounter<long>(
            "aether.history.reads", "{read}", "Reads of what is kept, by target and outcome.");
        garbage = Meter.CreateCounter<long>(
            "aether.history.garbage", "{message}", "Messages with a position that the stream does not hold.");
        commands = Meter.CreateCounter<long>(
            "aether.commands.ended", "{command}", "Commands that ended, by status.");
        executions = Meter.CreateCounter<long>(
            "aether.executions.ended", "{execution}", "Executions of commands that ended, by status.");
        commandDuration = Meter.CreateHistogram<double>(
            "aether.command.duration",
            "s",
            "From the start of a command to its end, by status.",
            advice: CommandDurations);
        takeDuration = Meter.CreateHistogram<double>(
            "aether.execution.take.duration",
            "s",
            "From a member's turn to its first word, of each attempt.",
            advice: Takes);
        dueLag = Meter.CreateHistogram<double>(
            "aether.command.due.lag",
            "s",
            "For how long what time does in a command had been due when it was done.",
            advice: Lags);
        leases = Meter.CreateCounter<long>(
            "aether.lease.changes", "{change}", "Leases that went to somebody, or to nobody, by how.");
        stale = Meter.CreateCounter<long>(
            "aether.lease.stale", "{refusal}", "What was refused since its sender does not hold the lease, by what it was.");
    }

    internal Meter Meter { get; }

    internal bool WatchesPublishing => published.Enabled || publishDuration.Enabled || stale.Enabled;

    internal bool WatchesReads => reads.Enabled;

    internal bool WatchesSubscriptions => subscriptions.Enabled;

    internal bool WatchesPresence => transitions.Enabled || presenceDuration.Enabled;

    /// <inheritdoc/>
    public void Dispose() => Meter.Dispose();

    internal void Published(ChannelKind kind, string outcome, TimeSpan duration)
    {
        string target = Names.Of(kind);
        if (outcome == Outcomes.Stale)
            StaleTerm("message");
        published.Add(1, new("target", target), new("outcome", outcome));
        publishDuration.Record(duration.TotalSeconds, new KeyValuePair<string, object?>("target", target));
    }

    internal void Recovered(ChannelKind kind, HistoryStatus? lost) =>
        recoveries.Add(
            1,
            new("target", Names.Of(kind)),
            new("status", lost is { } why ? HistoryWriter.NameOf(why) : "recovered"));

    internal void Repaired(int messages)
    {
        if (messages > 0)
            repaired.Add(messages);
    }

    internal void Garbage() => garbage.Add(1);

    internal void HistoryRead(ChannelKind kind, string outcome) =>
        reads.Add(1, new("target", Names.Of(kind)), new("outcome", outcome));

    internal void CommandEnded(CommandSummary command)
    {
        var status = new KeyValuePair<string, object?>("status", command.Status.ToWire());
        commands.Add(1, status);
        commandDuration.Record((command.EndedAt - command.CreatedAt) / 1_000.0, status);
        var counts = command.Counts;
        Count(ExecutionStatus.Succeeded, counts.Succeeded);
        Count(ExecutionStatus.Failed, counts.Failed);
        Count(ExecutionStatus.Rejected, counts.Rejected);
        Count(ExecutionStatus.TimedOut, counts.TimedOut);
        Count(ExecutionStatus.Canceled, counts.Canceled);
        Count(ExecutionStatus.Undeliverable, counts.Undeliverable);

        void Count(ExecutionStatus end, int ended)
        {
            if (ended > 0)
                executions.Add(ended, new KeyValuePair<string, object?>("status", end.ToWire()));
        }
    }

    // Clocks of stores may be set back.
    internal void ExecutionTaken(long afterMs) => takeDuration.Record(Math.Max(0, afterMs) / 1_000.0);

    internal void CommandWasDue(long lateMs) => dueLag.Record(Math.Max(0, lateMs) / 1_000.0);

    internal void LeaseChanged(string how, int count = 1) =>
        leases.Add(count, new KeyValuePair<string, object?>("change", how));

    internal void StaleTerm(string what) => stale.Add(1, new KeyValuePair<string, object?>("operation", what));

    internal void SubscriptionChanged(string operation, string outcome) =>
        subscriptions.Add(1, new("operation", operation), new("outcome", outcome));

    internal void PresenceCalled(string operation, string outcome, TimeSpan duration) =>
        presenceDuration.Record(duration.TotalSeconds, new("operation", operation), new("outcome", outcome));

    internal void PresenceChanged(PresenceTransition transition)
    {
        if (transition is PresenceTransition.Came or PresenceTransition.Went)
        {
            transitions.Add(1, new KeyValuePair<string, object?>(
                "transition", transition == PresenceTransition.Came ? "came" : "went"));
        }
    }
}
