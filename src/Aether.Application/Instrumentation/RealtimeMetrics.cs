using System.Diagnostics.Metrics;
using Aether.Application.Ports;
using Aether.Domain;

namespace Aether.Application.Instrumentation;

/// <summary>
/// What the real-time layer counts and times. Durations are in seconds. No tag ever holds an id or anything else that a
/// client chooses: the number of time series stays small whatever clients do.
/// </summary>
public sealed class RealtimeMetrics : IDisposable
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

    private readonly Counter<long> published;
    private readonly Histogram<double> publishDuration;
    private readonly Counter<long> subscriptions;
    private readonly Counter<long> transitions;
    private readonly Histogram<double> presenceDuration;

    /// <summary>Creates the instruments.</summary>
    public RealtimeMetrics()
    {
        Meter = new Meter(MeterName);
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
    }

    internal Meter Meter { get; }

    internal bool WatchesPublishing => published.Enabled || publishDuration.Enabled;

    internal bool WatchesSubscriptions => subscriptions.Enabled;

    internal bool WatchesPresence => transitions.Enabled || presenceDuration.Enabled;

    /// <inheritdoc/>
    public void Dispose() => Meter.Dispose();

    internal void Published(ChannelKind kind, string outcome, TimeSpan duration)
    {
        string target = Names.Of(kind);
        published.Add(1, new("target", target), new("outcome", outcome));
        publishDuration.Record(duration.TotalSeconds, new KeyValuePair<string, object?>("target", target));
    }

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
