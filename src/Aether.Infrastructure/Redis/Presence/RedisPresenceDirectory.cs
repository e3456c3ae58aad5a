using Aether.Application.Ports;
using Aether.Domain;
using Aether.Infrastructure.Redis.Connections;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Aether.Infrastructure.Redis.Presence;

/// <summary>
/// Reads what there is on the platform from what presence keeps anyway: the leases name the incarnations, and each has
/// the set of its groups and a record of itself. Nothing looks through all keys. It is read in small pieces, over the
/// connection on which nothing waits behind large answers.
/// </summary>
internal sealed class RedisPresenceDirectory(
    IConnectionMultiplexer redis,
    RedisNames names,
    TimeProvider time,
    ILogger<RedisPresenceDirectory> logger,
    IInstanceStatus? own = null) : IPresenceDirectory
{
    private const int AtOnce = 500;
    private const CommandFlags Primary = CommandFlags.DemandMaster;

    private readonly IDatabase database = redis.GetDatabase(RedisConnection.Database);
    private readonly FaultLogLimit logLimit = new(logger, time);

    public Task<IReadOnlyList<GroupSize>?> GetGroupsAsync(
        IReadOnlyCollection<VisionId>? only, CancellationToken cancellationToken) =>
        TryAsync(
            async () => await SizesAsync(only ?? await GroupsAsync().ConfigureAwait(false)).ConfigureAwait(false),
            cancellationToken);

    public Task<IReadOnlyList<InstanceFacts>?> GetInstancesAsync(CancellationToken cancellationToken) =>
        TryAsync(InstancesAsync, cancellationToken);

    private async Task<IReadOnlyList<T>?> TryAsync<T>(
        Func<Task<IReadOnlyList<T>>> read, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            return await read().ConfigureAwait(false);
        }
        catch (Exception exception) when (PresenceScripts.IsFault(exception))
        {
            logLimit.Unavailable(exception);
            return null;
        }
    }

    /// <summary>
    /// The groups of all incarnations that have a lease. One that is over counts as well: its members are there until
    /// somebody removes them.
    /// </summary>
    private async Task<IReadOnlyCollection<VisionId>> GroupsAsync()
    {
        var groups = new HashSet<VisionId>();
        foreach (string incarnation in await IncarnationsAsync().ConfigureAwait(false))
        {
            var scan = database.SetScanAsync(names.Groups(incarnation), default, AtOnce, flags: Primary);
            await foreach (var name in scan.ConfigureAwait(false))
            {
                if (VisionId.TryParse((string?)name, out var group))
                    groups.Add(group);
            }
        }
        return groups;
    }

    /// <summary>A group whose last member went is in an incarnation's set for a while yet; its size tells.</summary>
    private async Task<IReadOnlyList<GroupSize>> SizesAsync(IReadOnlyCollection<VisionId> groups)
    {
        var sizes = new List<GroupSize>();
        foreach (var some in groups.Chunk(AtOnce))
        {
            long[] counts = await Task.WhenAll(
                some.Select(group => database.SetLengthAsync(names.Members(group), Primary))).ConfigureAwait(false);
            for (int i = 0; i < some.Length; i++)
            {
                if (counts[i] > 0)
                    sizes.Add(new GroupSize(some[i], (int)counts[i]));
            }
        }
        return sizes;
    }

    private async Task<IReadOnlyList<InstanceFacts>> InstancesAsync()
    {
        // An instance that had to take another lease is there twice for a while: what it told last is true.
        var found = new Dictionary<string, InstanceFacts>(StringComparer.Ordinal);
        foreach (var some in (await IncarnationsAsync().ConfigureAwait(false)).Chunk(AtOnce))
        {
            var records = await Task.WhenAll(
                some.Select(one => database.StringGetAsync(names.Instance(one), Primary))).ConfigureAwait(false);
            foreach (byte[]? record in records)
            {
                if (InstanceRecord.Read(record) is { } facts
                    && !(found.TryGetValue(facts.InstanceId, out var known) && known.Uptime > facts.Uptime))
                    found[facts.InstanceId] = facts;
            }
        }
        if (own?.Read() is { } here)
            found[here.InstanceId] = here;
        return [.. found.Values];
    }

    private async Task<string[]> IncarnationsAsync() =>
        Array.ConvertAll(
            await database.SortedSetRangeByRankAsync(names.Leases, flags: Primary).ConfigureAwait(false),
            static incarnation => (string)incarnation!);
}
