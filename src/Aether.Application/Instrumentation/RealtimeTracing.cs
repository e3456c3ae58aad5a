using System.Diagnostics;
using Aether.Domain;

namespace Aether.Application.Instrumentation;

/// <summary>Where the real-time layer's activities come from.</summary>
internal static class RealtimeTracing
{
    /// <summary>The name to give to <c>AddSource</c>.</summary>
    public const string SourceName = "Aether.Realtime";

    internal static ActivitySource Source { get; } = new(SourceName);

    /// <summary>Starts an activity, if anybody listens and samples it.</summary>
    internal static Activity? Start(string name, ActivityKind kind) => Source.StartActivity(name, kind);

    /// <summary>Notes how it ended, without an exception's text: it may hold what must not leave the process.</summary>
    internal static void EndWith(this Activity? activity, string outcome)
    {
        if (activity is null)
            return;
        activity.SetTag("aether.outcome", outcome);
        if (outcome is Outcomes.Unavailable or Outcomes.Failed)
            activity.SetStatus(ActivityStatusCode.Error, outcome);
    }
}

/// <summary>How calls to a port end, as metrics and traces spell it.</summary>
internal static class Outcomes
{
    public const string Ok = "ok";
    public const string Published = "published";
    public const string Duplicate = "duplicate";
    public const string Unheard = "unheard";
    public const string Stale = "stale_term";
    public const string Unavailable = "unavailable";
    public const string Canceled = "canceled";
    public const string Failed = "failed";

    /// <summary>A wait that its caller ended is no failure.</summary>
    public static string Of(Exception exception) => exception is OperationCanceledException ? Canceled : Failed;
}

/// <summary>How channels are spelled in metrics and traces: by the target that goes there.</summary>
internal static class Names
{
    public static string Of(ChannelKind kind) => kind switch
    {
        ChannelKind.Client => "direct",
        ChannelKind.Group => "group",
        ChannelKind.Trace => "trace",
        ChannelKind.Broadcast => "broadcast",
    };
}
