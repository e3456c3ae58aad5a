using Aether.Application.Ports;
using Aether.Domain;
using Aether.Infrastructure.Redis.Connections;
using StackExchange.Redis;
using Role = Aether.Domain.Role;

namespace Aether.Infrastructure.Redis.Presence;

/// <summary>
/// What presence asks of Redis, one method per command. Each touches the keys of one slot. The scripts go as EVALSHA;
/// the client library loads one again that a server does not know. Everything is the primary's business: a replica may
/// be behind.
/// </summary>
internal sealed class PresenceScripts(IConnectionMultiplexer redis, RedisNames names)
{
    private const CommandFlags Primary = CommandFlags.DemandMaster;

    private static readonly byte[] NoState = "{}"u8.ToArray();
    private static readonly string Hold = RedisScripts.Load("presence-hold.lua");
    private static readonly string Update = RedisScripts.Load("presence-update.lua");
    private static readonly string Reap = RedisScripts.Load("presence-reap.lua");
    private static readonly string Touch = RedisScripts.Load("presence-touch.lua");
    private static readonly string Lease = RedisScripts.Load("presence-lease.lua");
    private static readonly string Register = RedisScripts.Load("presence-register.lua");
    private static readonly string Expired = RedisScripts.Load("presence-expired.lua");
    private static readonly string Find = RedisScripts.Load("presence-find.lua");
    private static readonly string Bequeath = RedisScripts.Load("presence-bequeath.lua");

    private readonly IDatabase database = redis.GetDatabase(RedisConnection.Database);

    /// <summary>Says how many connections of a client an incarnation holds.</summary>
    public async Task<Held> HoldAsync(VisionId group, VisionId client, PresenceWrite write)
    {
        RedisValue[] values =
        [
            client.Value, write.Connections, write.Lease.Fence, (int)write.Role, write.RoleTime, write.Joined,
            write.StateTime, write.State, write.Version, write.Gone,
        ];
        // Seldom said, and an argument that is not there costs nothing.
        if (write.Closed != 0)
            values = [.. values, write.Closed];
        var result = await database.ScriptEvaluateAsync(
            Hold,
            [names.Members(group), names.Holders(group), names.Held(group, write.Lease.Id), names.Versions(group)],
            values,
            Primary).ConfigureAwait(false);
        return Read(client, result);
    }

    /// <summary>Replaces what a client says of itself.</summary>
    public async Task<Held> UpdateAsync(VisionId group, VisionId client, ReadOnlyMemory<byte> state)
    {
        var result = await database.ScriptEvaluateAsync(
            Update,
            [names.Members(group), names.Holders(group), names.Versions(group)],
            [client.Value, state],
            Primary).ConfigureAwait(false);
        return Read(client, result);
    }

    /// <summary>
    /// Whether an exception is Redis's way of saying that it cannot be reached or will not: everything else is a bug.
    /// </summary>
    public static bool IsFault(Exception exception) =>
        exception is RedisException or TimeoutException or ObjectDisposedException or TaskCanceledException;

    /// <summary>Takes a lease, or renews one that should end then or later.</summary>
    public async Task<Renewal> RenewAsync(string incarnation, TimeSpan lease, long end, string run)
    {
        var result = await database.ScriptEvaluateAsync(
            Lease, [names.Leases], [incarnation, (long)lease.TotalMilliseconds, end, run], Primary)
            .ConfigureAwait(false);
        return new Renewal((long)result[0], (int)result[1] == 1, (string?)result[2] ?? "");
    }

    /// <summary>Whether an incarnation has a lease, over or not.</summary>
    public async Task<bool> HasLeaseAsync(string incarnation) =>
        await database.SortedSetScoreAsync(names.Leases, incarnation, Primary).ConfigureAwait(false) is not null;

    /// <summary>Writes what an instance tells of itself, for as long as its lease lasts.</summary>
    public async Task TellAsync(string incarnation, InstanceFacts facts, TimeSpan lease) =>
        // Spelled out: the client library takes one command or another by the span, and an ACL has to name it.
        await database.ExecuteAsync(
            "SET",
            [names.Instance(incarnation), InstanceRecord.Write(facts), "PX", (long)lease.TotalMilliseconds],
            Primary).ConfigureAwait(false);

    /// <summary>Notes that an incarnation is about to hold members of a group.</summary>
    public async Task<bool> RegisterAsync(PresenceLease lease, VisionId group) =>
        (long)await database.ScriptEvaluateAsync(
            Register, [names.Groups(lease.Id)], [lease.End, group.Value], Primary).ConfigureAwait(false) == 1;

    /// <summary>Notes that an incarnation holds nobody of a group any more.</summary>
    public async Task UnregisterAsync(PresenceLease lease, VisionId group) =>
        await database.SetRemoveAsync(names.Groups(lease.Id), group.Value, Primary).ConfigureAwait(false);

    /// <summary>Writes signs of life of clients of one group.</summary>
    public async Task TouchAsync(VisionId group, RedisValue[] clients) =>
        await database.ScriptEvaluateAsync(Touch, [names.Holders(group)], clients, Primary).ConfigureAwait(false);

    /// <summary>Reads what Redis holds of a client in a group, and what some incarnations hold of that.</summary>
    public async Task<Found> FindAsync(VisionId group, VisionId client, string[] incarnations)
    {
        var keys = new RedisKey[2 + incarnations.Length];
        (keys[0], keys[1]) = (names.Members(group), names.Holders(group));
        for (int i = 0; i < incarnations.Length; i++)
            keys[2 + i] = names.Held(group, incarnations[i]);
        var result = await database.ScriptEvaluateAsync(Find, keys, [client.Value], Primary).ConfigureAwait(false);
        return new Found((int)result[0], (int)result[1] == 1, (int)result[2], (int)result[3]);
    }

    /// <summary>Reads all incarnations that have a lease, over or not.</summary>
    public async Task<string[]> GetIncarnationsAsync() =>
        Array.ConvertAll(
            await database.SortedSetRangeByRankAsync(names.Leases, flags: Primary).ConfigureAwait(false),
            static value => (string)value!);

    /// <summary>Reads some of the incarnations whose lease is over.</summary>
    public async Task<string[]> GetExpiredAsync(string asker) =>
        (string[])(await database.ScriptEvaluateAsync(Expired, [names.Leases], [asker], Primary)
            .ConfigureAwait(false))!;

    /// <summary>Reads the groups that an incarnation may hold members in.</summary>
    public async Task<IReadOnlyList<VisionId>> GetGroupsAsync(string incarnation)
    {
        var values = await database.SetMembersAsync(names.Groups(incarnation), Primary).ConfigureAwait(false);
        var groups = new List<VisionId>(values.Length);
        foreach (var value in values)
        {
            if (VisionId.TryParse((string?)value, out var group))
                groups.Add(group);
        }
        return groups;
    }

    /// <summary>Reads whom an incarnation holds in a group.</summary>
    public async Task<RedisValue[]> GetHeldAsync(VisionId group, string incarnation) =>
        await database.HashKeysAsync(names.Held(group, incarnation), Primary).ConfigureAwait(false);

    /// <summary>
    /// Takes some clients from an incarnation, and gives those that are present no more, as they were.
    /// </summary>
    public async Task<(int GroupSize, IReadOnlyList<Member> Went)> ReapAsync(
        VisionId group, string incarnation, RedisValue[] clients)
    {
        var result = await database.ScriptEvaluateAsync(
            Reap,
            [names.Members(group), names.Holders(group), names.Held(group, incarnation), names.Versions(group)],
            clients,
            Primary).ConfigureAwait(false);
        var went = new List<Member>();
        foreach (var entry in (RedisResult[])result[1]!)
        {
            if (VisionId.TryParse((string?)entry[0], out var client))
            {
                went.Add(new Member(
                    client,
                    (Role)(int)entry[2],
                    State(entry[5]),
                    (int)entry[1],
                    Time((long)entry[3]),
                    Time((long)entry[4]))
                {
                    Version = (long)entry[6],
                });
            }
        }
        return ((int)result[0], went);
    }

    /// <summary>
    /// Makes sure that somebody cleans up after an incarnation when its lease would have ended, even if a FLUSHALL
    /// has wiped that out: what is still on its way for it is then removed as well.
    /// </summary>
    public async Task BequeathAsync(PresenceLease lease)
    {
        await database.ScriptEvaluateAsync(Bequeath, [names.Leases], [lease.Id, lease.End], Primary)
            .ConfigureAwait(false);
        foreach (var some in lease.Groups.Keys.Select(static group => (RedisValue)group.Value).Chunk(1_000))
        {
            // No fence: this is the one who cleans up.
            await database.ScriptEvaluateAsync(
                Register, [names.Groups(lease.Id)], [long.MaxValue, .. some], Primary).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Forgets an incarnation that holds nobody. The lease goes last: as long as it is there, somebody comes to clean
    /// up.
    /// </summary>
    public async Task ForgetAsync(string incarnation)
    {
        await database.KeyDeleteAsync(names.Groups(incarnation), Primary).ConfigureAwait(false);
        await database.KeyDeleteAsync(names.Instance(incarnation), Primary).ConfigureAwait(false);
        await database.SortedSetRemoveAsync(names.Leases, incarnation, Primary).ConfigureAwait(false);
    }

    private static Held Read(VisionId client, RedisResult result)
    {
        int transition = (int)result[0];
        if (transition < 0)
            return new Held(HeldTransition.TooLate);
        if (transition == 0)
            return new Held(HeldTransition.Absent, (int)result[1], Version: (long)result[2]);
        var member = new Member(
            client,
            (Role)(int)result[3],
            State(result[8]),
            (int)result[2],
            Time((long)result[5]),
            Time((long)result[7]))
        {
            Version = (long)result[10],
        };
        return new Held(
            (HeldTransition)transition, (int)result[1], member, (long)result[4], (long)result[5], (long)result[6],
            (int)result[9], member.Version, result.Length > 11 && (int)result[11] == 1);
    }

    private static byte[] State(RedisResult result) => (byte[]?)result is { Length: > 0 } state ? state : NoState;

    private static DateTime Time(long ms) => DateTime.UnixEpoch.AddMilliseconds(ms);
}

/// <summary>What happened to a client, as the scripts say it.</summary>
internal enum HeldTransition
{
    /// <summary>The lease was over; nothing was written.</summary>
    TooLate = -1,

    /// <summary>It was not there and is not there.</summary>
    Absent,

    /// <summary>It was there and is there.</summary>
    Stays,

    /// <summary>It was not there and is there.</summary>
    Came,

    /// <summary>It was there and is not there.</summary>
    Went,
}

/// <summary>The answer of a script.</summary>
/// <param name="Transition">What happened to the client.</param>
/// <param name="Before">How many connections Redis believed the incarnation to hold before.</param>
/// <param name="Member">The member as it is, or as it was before it went.</param>
/// <param name="RoleTime">When its role was said, in ms by Redis's clock.</param>
/// <param name="Joined">When it came, in ms by Redis's clock.</param>
/// <param name="StateTime">When its state was said, in ms by Redis's clock; 0 never.</param>
/// <param name="GroupSize">How many members the group has now; 0 where a script does not say it.</param>
/// <param name="Version">The version of what happened; for an absent client that of its absence.</param>
/// <param name="RoleChanged">Whether it stays, and has another role than before.</param>
internal readonly record struct Held(
    HeldTransition Transition,
    int Before = 0,
    Member? Member = null,
    long RoleTime = 0,
    long Joined = 0,
    long StateTime = 0,
    int GroupSize = 0,
    long Version = 0,
    bool RoleChanged = false);

/// <summary>The answer to an attempt to take or to renew a lease.</summary>
/// <param name="End">When it ends, in ms by Redis's clock; 0: it is lost.</param>
/// <param name="Wiped">
/// Whether it was lost because Redis forgot it before its end. If not, others may have removed what was held under it,
/// and told so.
/// </param>
/// <param name="Run">Which run of the server it was, where that was asked.</param>
internal readonly record struct Renewal(long End, bool Wiped, string Run);

/// <summary>One absolute fact about a client, to be written under a lease.</summary>
internal readonly record struct PresenceWrite(
    PresenceLease Lease,
    int Connections,
    Role Role,
    long RoleTime,
    long Joined,
    long StateTime,
    ReadOnlyMemory<byte> State,
    long Version,
    long Gone,
    long Closed);
