using System.Diagnostics;
using System.Runtime.CompilerServices;
using Aether.Application.Ports;
using Aether.Domain;

namespace Aether.Application.Instrumentation;

/// <summary>
/// Counts, times and traces what passes through a bus. Every call starts synchronously, as the bus itself does: a
/// connection's messages keep their order. When nobody listens the bus is called straight.
/// </summary>
internal sealed class InstrumentedMessageBus(IMessageBus inner, RealtimeMetrics metrics, TimeProvider time)
    : IMessageBus
{
    public string Description => inner.Description;

    public bool IsReady => inner.IsReady;

    public string? Problem => inner.Problem;

    public ValueTask<PublishResult> PublishAsync(
        ChannelName channel, Message message, CancellationToken cancellationToken) =>
        metrics.WatchesPublishing || RealtimeTracing.Source.HasListeners()
            ? PublishWatchedAsync(channel, message, cancellationToken)
            : inner.PublishAsync(channel, message, cancellationToken);

    public Task<bool> SubscribeAsync(ChannelName channel, IMessageSink sink, CancellationToken cancellationToken) =>
        metrics.WatchesSubscriptions || RealtimeTracing.Source.HasListeners()
            ? SubscribeWatchedAsync(channel, sink, cancellationToken)
            : inner.SubscribeAsync(channel, sink, cancellationToken);

    public Task UnsubscribeAsync(ChannelName channel, CancellationToken cancellationToken) =>
        metrics.WatchesSubscriptions || RealtimeTracing.Source.HasListeners()
            ? UnsubscribeWatchedAsync(channel, cancellationToken)
            : inner.UnsubscribeAsync(channel, cancellationToken);

    // One per message while metrics are scraped, so what carries it over the wait is pooled.
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<PublishResult> PublishWatchedAsync(
        ChannelName channel, Message message, CancellationToken cancellationToken)
    {
        using var activity = Start("aether.publish", ActivityKind.Producer, channel);
        long started = time.GetTimestamp();
        string outcome = Outcomes.Failed;
        try
        {
            var result = await inner.PublishAsync(channel, message, cancellationToken).ConfigureAwait(false);
            outcome = result switch
            {
                { IsStaleTerm: true } => Outcomes.Stale,
                { Accepted: false } => Outcomes.Unavailable,
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

    private async Task<bool> SubscribeWatchedAsync(
        ChannelName channel, IMessageSink sink, CancellationToken cancellationToken)
    {
        using var activity = Start("aether.subscribe", ActivityKind.Client, channel);
        string outcome = Outcomes.Failed;
        try
        {
            bool live = await inner.SubscribeAsync(channel, sink, cancellationToken).ConfigureAwait(false);
            outcome = live ? Outcomes.Ok : Outcomes.Unavailable;
            return live;
        }
        catch (Exception exception)
        {
            outcome = Outcomes.Of(exception);
            throw;
        }
        finally
        {
            metrics.SubscriptionChanged("subscribe", outcome);
            activity.EndWith(outcome);
        }
    }

    private async Task UnsubscribeWatchedAsync(ChannelName channel, CancellationToken cancellationToken)
    {
        using var activity = Start("aether.unsubscribe", ActivityKind.Client, channel);
        string outcome = Outcomes.Failed;
        try
        {
            await inner.UnsubscribeAsync(channel, cancellationToken).ConfigureAwait(false);
            outcome = Outcomes.Ok;
        }
        catch (Exception exception)
        {
            outcome = Outcomes.Of(exception);
            throw;
        }
        finally
        {
            metrics.SubscriptionChanged("unsubscribe", outcome);
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
