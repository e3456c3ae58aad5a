using System.Diagnostics;
using System.Runtime.CompilerServices;
using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Domain;

namespace Aether.Application.Instrumentation;

/// <summary>
/// Counts, times and traces what is kept and read. A message that is kept counts as published, as it is. Every call starts
/// synchronously, as the store itself does. When nobody listens the store is called straight.
/// </summary>
internal sealed class InstrumentedMessageHistory(IMessageHistory inner, RealtimeMetrics metrics, TimeProvider time)
    : IMessageHistory
{
    public ValueTask<KeepResult> AppendAsync(
        ChannelName channel, Message message, CancellationToken cancellationToken) =>
        metrics.WatchesPublishing || RealtimeTracing.Source.HasListeners()
            ? AppendWatchedAsync(channel, message, cancellationToken)
            : inner.AppendAsync(channel, message, cancellationToken);

    public ValueTask<KeepResult> FindAsync(
        ChannelName channel, VisionId from, string id, CancellationToken cancellationToken) =>
        inner.FindAsync(channel, from, id, cancellationToken);

    public ValueTask<IReadOnlyList<Position>?> GetPositionsAsync(
        IReadOnlyList<ChannelName> channels, CancellationToken cancellationToken) =>
        inner.GetPositionsAsync(channels, cancellationToken);

    public ValueTask<Position?> EndEpochAsync(
        ChannelName channel, string epoch, CancellationToken cancellationToken) =>
        inner.EndEpochAsync(channel, epoch, cancellationToken);

    public ValueTask<HistoryPage> ReadAsync(
        ChannelName channel, HistoryRange range, CancellationToken cancellationToken) =>
        metrics.WatchesReads || RealtimeTracing.Source.HasListeners()
            ? ReadWatchedAsync(channel, range, cancellationToken)
            : inner.ReadAsync(channel, range, cancellationToken);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<KeepResult> AppendWatchedAsync(
        ChannelName channel, Message message, CancellationToken cancellationToken)
    {
        using var activity = Start("aether.append", ActivityKind.Producer, channel);
        long started = time.GetTimestamp();
        string outcome = Outcomes.Failed;
        try
        {
            var result = await inner.AppendAsync(channel, message, cancellationToken).ConfigureAwait(false);
            outcome = result switch
            {
                { Status: KeepStatus.Unavailable or KeepStatus.Unknown } => Outcomes.Unavailable,
                { Status: KeepStatus.Duplicate } => Outcomes.Duplicate,
                { Status: KeepStatus.StaleTerm } => Outcomes.Stale,
                { Instances: 0 } => Outcomes.Unheard,
                _ => Outcomes.Published,
            };
            return result;
        }
        catch (Exception exception)
        {
            outcome = Outcomes.Of(exception);
            throw;
        }
        finally
        {
            metrics.Published(channel.Kind, outcome, time.GetElapsedTime(started));
            activity.EndWith(outcome);
        }
    }

    private async ValueTask<HistoryPage> ReadWatchedAsync(
        ChannelName channel, HistoryRange range, CancellationToken cancellationToken)
    {
        using var activity = Start("aether.history.read", ActivityKind.Client, channel);
        string outcome = Outcomes.Failed;
        try
        {
            var page = await inner.ReadAsync(channel, range, cancellationToken).ConfigureAwait(false);
            outcome = page.Status switch
            {
                HistoryStatus.Found => Outcomes.Ok,
                HistoryStatus.Unavailable => Outcomes.Unavailable,
                _ => HistoryWriter.NameOf(page.Status),
            };
            return page;
        }
        catch (Exception exception)
        {
            outcome = Outcomes.Of(exception);
            throw;
        }
        finally
        {
            metrics.HistoryRead(channel.Kind, outcome);
            activity.EndWith(outcome);
        }
    }

    private static Activity? Start(string name, ActivityKind kind, ChannelName channel)
    {
        var activity = RealtimeTracing.Start(name, kind);
        activity?.SetTag("aether.target", Names.Of(channel.Kind));
        return activity;
    }
}
