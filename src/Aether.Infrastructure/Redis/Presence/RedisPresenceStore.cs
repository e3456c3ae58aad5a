using System.Collections.Concurrent;
using Aether.Application;
using Aether.Application.Ports;
using Aether.Domain;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using StackExchange.Redis;
using Role = Aether.Domain.Role;

namespace Aether.Infrastructure.Redis.Presence;

/// <summary>
/// Presence over all instances that share a Redis. The truth about this instance's connections is here, in memory;
/// Redis is told absolute facts about it ("this incarnation holds so many connections of that client"), so that after
/// a fault they can be told again. What Redis holds of an instance lasts as long as its lease.
/// </summary>
internal sealed partial class RedisPresenceStore : IPresenceStore, IHostedService, IAsyncDisposable
{
    private static readonly Task<PresenceChange> Nothing =
        Task.FromResult(new PresenceChange(PresenceTransition.None, null));

    private readonly ConcurrentDictionary<VisionId, LocalGroup> groups = [];
    private readonly ConcurrentQueue<LocalGroup> emptied = [];
    private readonly ConcurrentQueue<LocalMember> dirty = [];
    private readonly IConnectionMultiplexer redis;
    private readonly TimeProvider time;
    private readonly ILogger logger;
    private readonly IInstanceStatus? status;
    private readonly TimeSpan duration;
    private readonly PresenceScripts scripts;
    private readonly PresenceReader reader;
    private readonly PresenceReaper reaper;
    private readonly PresencePlaces places;
    private readonly PresenceTouches touches;

    public RedisPresenceStore(
        IConnectionMultiplexer redis,
        RedisNames names,
        IOptions<RealtimeOptions> options,
        TimeProvider time,
        ILogger<RedisPresenceStore> logger,
        IPresenceWatcher? watcher = null,
        IConnectionMultiplexer? reading = null,
        IInstanceStatus? status = null)
    {
        this.redis = redis;
        this.time = time;
        this.logger = logger;
        this.status = status;
        duration = options.Value.Presence.Lease;
        scripts = new PresenceScripts(redis, names);
        reader = new PresenceReader(reading ?? redis, names);
        reaper = new PresenceReaper(scripts, watcher, logger);
        touches = new PresenceTouches(scripts, time);
        places = new PresencePlaces(scripts, time, duration);
        logLimit = new FaultLogLimit(logger, time);
        keeping = new PresenceLoop(KeepAsync, time);
        reaping = new PresenceLoop(ReapAsync, time);
        touching = new PresenceLoop(TouchAsync, time);
    }

    /// <summary>The incarnation that holds this instance's members now.</summary>
    public string? Incarnation => lease?.Id;

    // A process that was paused beyond its lease wakes up with all its flags as they were; the clock tells.
    public bool IsReady =>
        ready && lease is { } current && time.GetElapsedTime(current.RenewedAt) < duration;

    // The token only keeps a call from starting. A change that was begun is either in Redis or it is not, and a caller
    // that left in the middle would not know which; the client library's timeout bounds the wait.
    public Task<PresenceChange> JoinAsync(
        VisionId group, VisionId client, Role role, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return Task.FromCanceled<PresenceChange>(cancellationToken);
        while (IsReady)
        {
            var there = groups.GetOrAdd(group, static id => new LocalGroup(id));
            if (there.FindOrAdd(client) is not { } member)
            {
                groups.TryRemove(new(group, there));
                continue;
            }
            if (member.Join(role, time.GetTimestamp(), out bool start) is not { } change)
            {
                there.Remove(member);
                continue;
            }
            if (start)
                _ = WriteAsync(member);
            return change;
        }
        return Task.FromResult(PresenceChange.Unavailable(fault));
    }

    public Task<PresenceChange> LeaveAsync(
        VisionId group, VisionId client, Role role, CancellationToken cancellationToken)
    {
        // Not cancelled either: the connection is gone, whoever waits for this.
        if (Find(group, client) is not { } member || member.Leave(role, IsReady, out bool start) is not { } change)
            return Nothing;
        if (start)
            _ = WriteAsync(member);
        else if (change.IsCompleted)
            MarkDirty(member);
        return change;
    }

    public async Task<PresenceChange> UpdateStateAsync(
        VisionId group, VisionId client, ReadOnlyMemory<byte> state, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (!IsReady)
            return PresenceChange.Unavailable(fault);
        try
        {
            var answer = await scripts.UpdateAsync(group, client, state).ConfigureAwait(false);
            if (Find(group, client)?.Updated(answer) == true)
            {
                Distrust();
                return PresenceChange.Unavailable(BackplaneFault.Unverified);
            }
            return new PresenceChange(PresenceTransition.None, answer.Member, answer.GroupSize);
        }
        catch (Exception exception) when (PresenceScripts.IsFault(exception))
        {
            Doubt(exception);
            return PresenceChange.Unavailable(RedisFaults.FaultOf(exception));
        }
    }

    public void Touch(VisionId group, VisionId client)
    {
        if (IsReady && Find(group, client) is { } member)
            touches.Add(member);
    }

    public void ToldGone(VisionId group, VisionId client, long version)
    {
        if (Find(group, client) is { } member && member.ToldGone(version))
            MarkDirty(member);
    }

    public void ToldRoleUnsaid(VisionId group, VisionId client)
    {
        if (Find(group, client) is { } member && member.ToldRoleUnsaid())
            MarkDirty(member);
    }

    // Also while this instance is not whole: what Redis holds of the others does not hang on that.
    public async ValueTask<ClientPlaces> FindAsync(
        VisionId group, VisionId client, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            var found = await places.FindAsync(group, client).ConfigureAwait(false);
            if (found.Instances > 0)
                return found;
            if (Find(group, client) is { IsConnected: true })
                return ClientPlaces.On(1);
            // Whoever is told that a client is nowhere believes it.
            return found.Elsewhere || await IsCompleteAsync().ConfigureAwait(false) ? found : ClientPlaces.Unavailable;
        }
        catch (Exception exception) when (PresenceScripts.IsFault(exception))
        {
            Doubt(exception);
            return ClientPlaces.Unavailable;
        }
    }

    public async Task<IReadOnlyList<Member>?> GetMembersAsync(VisionId group, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (!IsReady)
            return null;
        try
        {
            return await reader.ReadAsync(group).ConfigureAwait(false);
        }
        catch (Exception exception) when (PresenceScripts.IsFault(exception))
        {
            Doubt(exception);
            return null;
        }
    }

    private LocalMember? Find(VisionId group, VisionId client) =>
        groups.TryGetValue(group, out var there) ? there.Find(client) : null;

    /// <summary>
    /// Writes the truth about a member until Redis has it or cannot be reached. One at a time runs for a member.
    /// </summary>
    private async Task WriteAsync(LocalMember member)
    {
        bool removed;
        while (member.Next(lease!, out removed) is { } write)
        {
            try
            {
                // The groups of an incarnation lie in another slot than its members, so this is a round trip of its
                // own: once for a group, and before its first member, or a crash in between would leave members that
                // nobody finds.
                if (write.Connections > 0
                    && !await member.Group.RegisterAsync(write.Lease, scripts).ConfigureAwait(false))
                {
                    GiveUp(member, write, BackplaneFault.Unverified);
                    Distrust();
                    return;
                }
                var answer = await scripts.HoldAsync(member.Group.Id, member.Client, write).ConfigureAwait(false);
                if (answer.Transition == HeldTransition.TooLate && write.Lease != lease)
                {
                    member.LeftToOthers(write);
                    continue;
                }
                if (answer.Transition == HeldTransition.TooLate)
                {
                    GiveUp(member, write, BackplaneFault.Unverified);
                    Distrust();
                    return;
                }
                Take(member, write, answer);
            }
            catch (RedisServerException refused) when (member.Refused(write, RedisFaults.FaultOf(refused)))
            {
                Doubt(refused);
            }
            catch (Exception exception) when (PresenceScripts.IsFault(exception))
            {
                GiveUp(member, write, RedisFaults.FaultOf(exception));
                Fault(exception);
                return;
            }
#pragma warning disable CA1031 // A bug; but nobody may wait for this write for ever.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                GiveUp(member, write, BackplaneFault.Unverified);
                logger.StepFailed("write", exception.GetType().Name);
                return;
            }
        }
        if (removed && member.Group.Remove(member))
            emptied.Enqueue(member.Group);
    }

    private void Take(LocalMember member, PresenceWrite write, Held answer)
    {
        var change = member.Succeeded(write, answer, out bool wiped);
        if (wiped)
            Distrust();
        bool unannounced = !write.Lease.Unannounced.IsEmpty
            && write.Lease.Unannounced.TryRemove((member.Group.Id, member.Client), out _);
        if (change is { } made && !(unannounced && made.Transition == PresenceTransition.Went))
            reaper.Report(member.Group.Id, made);
    }

    private void GiveUp(LocalMember member, PresenceWrite write, BackplaneFault why)
    {
        // Not ready first: whoever hears of the failure must not find the store ready with this still to be written.
        Unready(why);
        member.Failed(write, why);
        MarkDirty(member);
    }

    private void MarkDirty(LocalMember member)
    {
        if (!member.MarkDirty())
            return;
        dirty.Enqueue(member);
        keeping.Wake();
    }
}
