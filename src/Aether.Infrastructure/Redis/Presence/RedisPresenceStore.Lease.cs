using System.Collections.Concurrent;
using System.Net;
using Aether.Application.Ports;
using StackExchange.Redis;

namespace Aether.Infrastructure.Redis.Presence;

/// <summary>
/// Keeps what Redis holds of this instance true: renews the lease, and after a fault registers everything again.
/// </summary>
internal sealed partial class RedisPresenceStore
{
    private const int MembersAtOnce = 512;
    private static readonly TimeSpan Retry = TimeSpan.FromMilliseconds(250);

    private readonly Lock gate = new();
    private readonly PresenceLoop keeping;
    private readonly PresenceLoop reaping;
    private readonly PresenceLoop touching;
    private readonly FaultLogLimit logLimit;

    // The servers that this instance had a connection to.
    private readonly ConcurrentDictionary<EndPoint, bool> known = [];

    // Earlier incarnations that may still be in Redis. Only the keeping loop uses it, and Stop when that has ended.
    private readonly List<PresenceLease> retired = [];
    private volatile PresenceLease? lease;
    private volatile bool ready;
    private volatile bool distrusted;
    private int faults;

    // When it was found that Redis forgot; 0: never.
    private long wipedAt;

    // Why it is not ready.
    private volatile BackplaneFault fault;
    private bool stopped;
    private long reapFrom;
    private Task? stop;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        foreach (var server in redis.GetServers().Where(static server => server.IsConnected))
            known.TryAdd(server.EndPoint, true);
        redis.ConnectionFailed += OnConnectionFailed;
        redis.ConnectionRestored += OnConnectionRestored;
        reapFrom = time.GetTimestamp();
        keeping.Start(TimeSpan.Zero);
        reaping.Start(ReapPeriod());
        touching.Start(PresenceTouches.Period);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        lock (gate)
        {
            stopped = true;
            ready = false;
            stop ??= EndAsync();
        }
        return stop.WaitAsync(cancellationToken);
    }

    public async ValueTask DisposeAsync() => await StopAsync(CancellationToken.None).ConfigureAwait(false);

    private async Task EndAsync()
    {
        // Out of the lock that StopAsync holds.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        redis.ConnectionFailed -= OnConnectionFailed;
        redis.ConnectionRestored -= OnConnectionRestored;
        await keeping.DisposeAsync().ConfigureAwait(false);
        await reaping.DisposeAsync().ConfigureAwait(false);
        await touching.DisposeAsync().ConfigureAwait(false);
        if (lease is { } last)
        {
            // A join that slipped in is refused by Redis from here on: nobody would remove it.
            last.Renew(0, last.RenewedAt);
            retired.Add(last);
        }
        var members = groups.Values.SelectMany(static group => group.Snapshot());
        await Task.WhenAll(members.Select(static member => member.Close())).ConfigureAwait(false);
        try
        {
            foreach (var own in retired)
            {
                await reaper.EmptyAsync(own, CancellationToken.None).ConfigureAwait(false);
                await scripts.ForgetAsync(own.Id).ConfigureAwait(false);
            }
        }
        catch (Exception exception) when (PresenceScripts.IsFault(exception))
        {
            // Others remove the rest when the lease ends.
            logLimit.Unavailable(exception);
        }
        // Also of those whose leaving was gathered: they are in no roster any more, so nobody else tells it.
        await reaper.FlushAsync().ConfigureAwait(false);
    }

    private async Task<TimeSpan> KeepAsync(CancellationToken stopping)
    {
        try
        {
            if (await TryKeepAsync(stopping).ConfigureAwait(false))
                return duration / 3;
        }
        catch (Exception exception) when (PresenceScripts.IsFault(exception))
        {
            Unready(RedisFaults.FaultOf(exception));
            logLimit.Unavailable(exception);
        }
#pragma warning disable CA1031 // A loop that ends would leave the instance without presence for good.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            Unready();
            if (!stopping.IsCancellationRequested)
                logger.StepFailed("lease", exception.GetType().Name);
        }
        // Waited out here, where nobody can wake it: a Redis that answers and refuses would be asked without a pause.
        await Task.Delay(duration / 10 < Retry ? duration / 10 : Retry, time, stopping)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return TimeSpan.Zero;
    }

    private async Task<bool> TryKeepAsync(CancellationToken stopping)
    {
        int before = Volatile.Read(ref faults);
        bool replace = distrusted;
        bool lost = false;
        if (lease is { } current)
        {
            var renewal = await RenewAsync(current).ConfigureAwait(false);
            lost = renewal.End == 0;
            current.Wiped |= renewal.Wiped;
            if (renewal.Wiped)
                Volatile.Write(ref wipedAt, time.GetTimestamp());
            if (lost)
                logger.LeaseLost(current.Id);
            else if (replace)
                logger.LeaseReplaced(current.Id);
        }
        if (lost || replace || lease is null)
        {
            Unready();
            before = Volatile.Read(ref faults);
            await TakeLeaseAsync(lost).ConfigureAwait(false);
        }
        if (!await WriteDirtyAsync(stopping).ConfigureAwait(false))
            return false;
        if (!ready)
        {
            // First all is registered under the new lease, then it is taken from the old ones: nobody is seen to leave.
            foreach (var old in retired.Where(static old => !old.Emptied))
            {
                await scripts.BequeathAsync(old).ConfigureAwait(false);
                await reaper.EmptyAsync(old, stopping).ConfigureAwait(false);
            }
            // What was written under a lease that is lost by now may be gone again.
            if ((await RenewAsync(lease!).ConfigureAwait(false)).End == 0 || !BecomeReady(before))
                return false;
            logger.Whole(groups.Sum(static group => group.Value.Snapshot().Length), groups.Count);
        }
        retired.RemoveAll(old => old.Emptied && time.GetElapsedTime(old.RenewedAt) > duration * 3);
        await ForgetEmptyGroupsAsync().ConfigureAwait(false);
        return true;
    }

    /// <summary>
    /// Whether Redis has of all instances what they told it. It has not if it forgot the lease of this one, and for a while
    /// after that was noticed: the others notice with their next renewal, and then tell it again.
    /// </summary>
    private async Task<bool> IsCompleteAsync()
    {
        if (Volatile.Read(ref wipedAt) is not 0 and var noticed && time.GetElapsedTime(noticed) < duration / 2)
            return false;
        if (lease is not { } current || time.GetElapsedTime(current.RenewedAt) >= duration
            || await scripts.HasLeaseAsync(current.Id).ConfigureAwait(false))
            return true;
        keeping.Wake();
        return false;
    }

    private async Task<Renewal> RenewAsync(PresenceLease current)
    {
        long sentAt = time.GetTimestamp();
        var renewal = await scripts.RenewAsync(current.Id, duration, current.End, current.Run).ConfigureAwait(false);
        if (renewal.End > 0)
        {
            current.Renew(renewal.End, sentAt);
            _ = TellAsync(current.Id);
        }
        return renewal;
    }

    /// <summary>
    /// Tells of this instance what operators may ask. Nobody waits for it, and nothing hangs on it: the next renewal
    /// says it again.
    /// </summary>
    private async Task TellAsync(string incarnation)
    {
        if (status is null)
            return;
        try
        {
            await scripts.TellAsync(incarnation, status.Read(), duration).ConfigureAwait(false);
        }
        catch (Exception exception) when (PresenceScripts.IsFault(exception))
        {
            logLimit.Unavailable(exception);
        }
    }

    /// <summary>Takes another incarnation, and puts everything local in line for being written under it.</summary>
    private async Task TakeLeaseAsync(bool lost)
    {
        distrusted = false;
        bool over;
        try
        {
            string id = Guid.NewGuid().ToString("N");
            long sentAt = time.GetTimestamp();
            var taken = await scripts.RenewAsync(id, duration, 0, "").ConfigureAwait(false);
            over = lost && !lease!.Wiped;
            if (lease is { } old)
                retired.Add(old);
            lease = new PresenceLease(taken.End, sentAt) { Id = id, Run = taken.Run };
            _ = TellAsync(id);
            logger.LeaseTaken(id);
        }
        catch
        {
            distrusted = true;
            throw;
        }
        // If it was Redis that stood still, every lease is over, and the others need time to come back as well.
        if (lost)
            Volatile.Write(ref reapFrom, time.GetTimestamp() + (long)(duration.TotalSeconds * time.TimestampFrequency));
        foreach (var group in groups.Values)
        {
            foreach (var member in group.Snapshot())
            {
                // Whoever saw the lease end may have removed them all, and told everybody.
                if (over)
                    member.MayBeGone();
                if (member.MarkDirty())
                    dirty.Enqueue(member);
            }
        }
    }

    private async Task<bool> WriteDirtyAsync(CancellationToken stopping)
    {
        var writes = new List<Task<PresenceChange>>();
        while (!dirty.IsEmpty && !stopping.IsCancellationRequested)
        {
            writes.Clear();
            while (writes.Count < MembersAtOnce && dirty.TryDequeue(out var member))
            {
                writes.Add(member.Repeat(out bool start));
                if (start)
                    _ = WriteAsync(member);
            }
            var changes = await Task.WhenAll(writes).ConfigureAwait(false);
            // Many members take a while, and the lease must not end meanwhile.
            if (time.GetElapsedTime(lease!.RenewedAt) > duration / 3
                && (await RenewAsync(lease!).ConfigureAwait(false)).End == 0)
                return false;
            if (Array.Exists(changes, static change => change.Transition == PresenceTransition.Unavailable))
                return false;
        }
        return !stopping.IsCancellationRequested;
    }

    private async Task ForgetEmptyGroupsAsync()
    {
        var ends = new List<Task>();
        for (int count = emptied.Count; count > 0 && emptied.TryDequeue(out var group); count--)
        {
            if (!group.TryForget(lease!, scripts, out var end))
                continue;
            groups.TryRemove(new(group.Id, group));
            ends.Add(end);
        }
        await Task.WhenAll(ends).ConfigureAwait(false);
    }

    private async Task<TimeSpan> ReapAsync(CancellationToken stopping)
    {
        try
        {
            if (IsReady && time.GetTimestamp() >= Volatile.Read(ref reapFrom))
                await reaper.ReapExpiredAsync(lease!.Id, stopping).ConfigureAwait(false);
        }
        catch (Exception exception) when (PresenceScripts.IsFault(exception))
        {
            logLimit.Unavailable(exception);
        }
#pragma warning disable CA1031 // As above: without the loop the dead would stay.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            if (!stopping.IsCancellationRequested)
                logger.StepFailed("reaper", exception.GetType().Name);
        }
        return ReapPeriod();
    }

    private async Task<TimeSpan> TouchAsync(CancellationToken stopping)
    {
        try
        {
            if (IsReady)
                await touches.WriteAsync().ConfigureAwait(false);
            else
                touches.Clear();
        }
        catch (Exception exception) when (PresenceScripts.IsFault(exception))
        {
            logLimit.Unavailable(exception);
        }
        return PresenceTouches.Period;
    }

    // A connection that broke may mean another server, or the same one with older data; and what was on its way
    // through it may arrive after what is sent now. (The other kind of connection only carries messages.)
    private void OnConnectionFailed(object? sender, ConnectionFailedEventArgs args)
    {
        // One that never was can break nothing. A cluster names servers that nobody reaches, and they are tried for
        // ever.
        bool broke = args.FailureType != ConnectionFailureType.UnableToConnect;
        if (broke && args.ConnectionType == ConnectionType.Interactive && !IsReplica(args.EndPoint))
            Distrust();
    }

    private void OnConnectionRestored(object? sender, ConnectionFailedEventArgs args)
    {
        // A server that hung and came back can be restored without having failed. The first time is no return.
        if (args is { ConnectionType: ConnectionType.Interactive, EndPoint: { } server } && !known.TryAdd(server, true)
            && !IsReplica(server))
            Distrust();
        keeping.Wake();
    }

    // Nothing is written there or read, so it may come and go. Who became a primary meanwhile is another run of a
    // server, which renewing the lease finds out.
    private bool IsReplica(EndPoint? server) =>
        redis.GetServers().Any(one => one.IsReplica && one.EndPoint.Equals(server));

    /// <summary>What Redis holds of this instance may not be what was written: all of it is written again.</summary>
    private void Distrust()
    {
        distrusted = true;
        Unready();
        keeping.Wake();
    }

    /// <summary>Something that this instance knows could not be written.</summary>
    private void Fault(Exception exception)
    {
        Unready(RedisFaults.FaultOf(exception));
        logLimit.Unavailable(exception);
        distrusted |= RedisFaults.ScopeOf(exception) == FaultScope.Server;
        keeping.Wake();
    }

    /// <summary>
    /// A call failed, and who made it was told. What Redis holds of this instance is as true as before; whether it can
    /// be kept so is what renewing the lease tells, and not what happened to one call.
    /// </summary>
    private void Doubt(Exception exception)
    {
        var scope = RedisFaults.ScopeOf(exception);
        if (scope == FaultScope.Server)
        {
            Fault(exception);
            return;
        }
        logLimit.Unavailable(exception);
        if (scope == FaultScope.Backplane && lease is { } current && time.GetElapsedTime(current.RenewedAt) > Retry)
            keeping.Wake();
    }

    private void Unready(BackplaneFault why = BackplaneFault.Unverified)
    {
        lock (gate)
        {
            faults++;
            // What an answer said is more than that everything has to be registered again.
            if (ready || why != BackplaneFault.Unverified)
                fault = why;
            ready = false;
        }
    }

    private bool BecomeReady(int seen)
    {
        lock (gate)
            return ready = faults == seen && !distrusted && !stopped;
    }

    // Not all at once: one is enough, and the first one to come does it.
    private TimeSpan ReapPeriod() => duration / 4 * (0.8 + (0.4 * Random.Shared.NextDouble()));
}
