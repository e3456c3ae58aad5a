using System.Diagnostics;
using Aether.Application.Ports;
using Aether.Domain;

namespace Aether.Application.Instrumentation;

/// <summary>
/// Counts, times and traces what is asked of a presence store. Heartbeats pass uncounted: the store only notes them.
/// When nobody listens the store is called straight.
/// </summary>
internal sealed class InstrumentedPresenceStore(IPresenceStore inner, RealtimeMetrics metrics, TimeProvider time)
    : IPresenceStore
{
    public bool IsReady => inner.IsReady;

    private bool IsWatched => metrics.WatchesPresence || RealtimeTracing.Source.HasListeners();

    public Task<PresenceChange> JoinAsync(
        VisionId group, VisionId client, Role role, CancellationToken cancellationToken) =>
        IsWatched
            ? ChangeAsync(
                "join",
                (inner, group, client, role, cancellationToken),
                static call => call.inner.JoinAsync(call.group, call.client, call.role, call.cancellationToken))
            : inner.JoinAsync(group, client, role, cancellationToken);

    public Task<PresenceChange> LeaveAsync(
        VisionId group, VisionId client, Role role, CancellationToken cancellationToken) =>
        IsWatched
            ? ChangeAsync(
                "leave",
                (inner, group, client, role, cancellationToken),
                static call => call.inner.LeaveAsync(call.group, call.client, call.role, call.cancellationToken))
            : inner.LeaveAsync(group, client, role, cancellationToken);

    public Task<PresenceChange> UpdateStateAsync(
        VisionId group, VisionId client, ReadOnlyMemory<byte> state, CancellationToken cancellationToken) =>
        IsWatched
            ? ChangeAsync(
                "update",
                (inner, group, client, state, cancellationToken),
                static call => call.inner.UpdateStateAsync(call.group, call.client, call.state, call.cancellationToken))
            : inner.UpdateStateAsync(group, client, state, cancellationToken);

    public void Touch(VisionId group, VisionId client) => inner.Touch(group, client);

    public void ToldGone(VisionId group, VisionId client, long version) => inner.ToldGone(group, client, version);

    public void ToldRoleUnsaid(VisionId group, VisionId client) => inner.ToldRoleUnsaid(group, client);

    public ValueTask<ClientPlaces> FindAsync(
        VisionId group, VisionId client, CancellationToken cancellationToken) =>
        IsWatched
            ? new(WatchAsync(
                "find",
                (inner, group, client, cancellationToken),
                static call => call.inner.FindAsync(call.group, call.client, call.cancellationToken).AsTask(),
                static places => places.Known == PlacesKnown.Unavailable ? Outcomes.Unavailable : Outcomes.Ok))
            : inner.FindAsync(group, client, cancellationToken);

    public Task<IReadOnlyList<Member>?> GetMembersAsync(VisionId group, CancellationToken cancellationToken) =>
        IsWatched
            ? WatchAsync(
                "members",
                (inner, group, cancellationToken),
                static call => call.inner.GetMembersAsync(call.group, call.cancellationToken),
                static members => members is null ? Outcomes.Unavailable : Outcomes.Ok)
            : inner.GetMembersAsync(group, cancellationToken);

    private async Task<PresenceChange> ChangeAsync<TCall>(
        string operation, TCall call, Func<TCall, Task<PresenceChange>> start)
    {
        var change = await WatchAsync(
            operation,
            call,
            start,
            static change => change.Transition == PresenceTransition.Unavailable ? Outcomes.Unavailable : Outcomes.Ok)
            .ConfigureAwait(false);
        metrics.PresenceChanged(change.Transition);
        return change;
    }

    // The call comes as a value and a static function: a closure would be allocated also when nobody listens.
    private async Task<T> WatchAsync<TCall, T>(
        string operation, TCall call, Func<TCall, Task<T>> start, Func<T, string> outcomeOf)
    {
        using var activity = RealtimeTracing.Start("aether.presence." + operation, ActivityKind.Client);
        long started = time.GetTimestamp();
        string outcome = Outcomes.Failed;
        try
        {
            var result = await start(call).ConfigureAwait(false);
            outcome = outcomeOf(result);
            return result;
        }
        catch (Exception exception)
        {
            outcome = Outcomes.Of(exception);
            throw;
        }
        finally
        {
            metrics.PresenceCalled(operation, outcome, time.GetElapsedTime(started));
            activity.EndWith(outcome);
        }
    }
}
