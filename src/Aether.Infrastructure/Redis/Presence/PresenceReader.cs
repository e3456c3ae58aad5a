using System.Globalization;
using System.Numerics;
using Aether.Domain;
using Aether.Infrastructure.Redis.Connections;
using StackExchange.Redis;
using Role = Aether.Domain.Role;

namespace Aether.Infrastructure.Redis.Presence;

/// <summary>
/// Reads who is present in a group, some members at a time: Redis does nothing else while it carries out a command, so
/// a group of thousands must not be one. It has a connection of its own, on which nothing waits behind large answers.
/// </summary>
internal sealed class PresenceReader(IConnectionMultiplexer redis, RedisNames names)
{
    // Four values for each. Redis needs about a quarter of a millisecond for so many.
    private const int MembersAtOnce = 250;
    private const CommandFlags Primary = CommandFlags.DemandMaster;

    private static readonly byte[] NoState = "{}"u8.ToArray();

    private readonly IDatabase database = redis.GetDatabase(RedisConnection.Database);

    /// <summary>
    /// Reads all members of a group. Who is there from the beginning to the end is among them; each one is as it was at
    /// one moment, and no older than its version says.
    /// </summary>
    public async Task<IReadOnlyList<Member>> ReadAsync(VisionId group)
    {
        var members = new List<Member>();
        // A scan may name a member twice.
        var known = new HashSet<VisionId>();
        var some = new List<VisionId>(MembersAtOnce);
        var scan = database.SetScanAsync(names.Members(group), default, MembersAtOnce, flags: Primary);
        await foreach (var name in scan.ConfigureAwait(false))
        {
            if (!VisionId.TryParse((string?)name, out var client) || !known.Add(client))
                continue;
            some.Add(client);
            if (some.Count < MembersAtOnce)
                continue;
            await ReadAsync(group, some, members).ConfigureAwait(false);
            some.Clear();
        }
        if (some.Count > 0)
            await ReadAsync(group, some, members).ConfigureAwait(false);
        return members;
    }

    private async Task ReadAsync(VisionId group, List<VisionId> clients, List<Member> members)
    {
        var fields = new RedisValue[clients.Count * 3];
        var ids = new RedisValue[clients.Count];
        for (int i = 0; i < clients.Count; i++)
        {
            string id = clients[i].Value;
            (ids[i], fields[3 * i]) = (id, id);
            (fields[(3 * i) + 1], fields[(3 * i) + 2]) = (id + ":seen", id + ":state");
        }
        // The versions first: what is read after them is as new as they say, or newer, and then an event with a higher
        // version comes.
        var versions = database.HashGetAsync(names.Versions(group), ids, Primary);
        var records = await database.HashGetAsync(names.Holders(group), fields, Primary).ConfigureAwait(false);
        var told = await versions.ConfigureAwait(false);
        for (int i = 0; i < clients.Count; i++)
        {
            if (!TryReadRecord(records[3 * i], out int connections, out int role, out long joined))
                continue; // gone by now, or nobody of ours wrote that
            long seen = records[(3 * i) + 1].TryParse(out long at) ? at : joined;
            byte[] state = (byte[]?)records[(3 * i) + 2] is { Length: > 0 } said ? said : NoState;
            members.Add(new Member(clients[i], (Role)role, state, connections, Time(joined), Time(seen))
            {
                Version = told[i].TryParse(out long version) ? version : 0,
            });
        }
    }

    // Five words, of which three matter. As texts they would be six objects for each member.
    private static bool TryReadRecord(RedisValue record, out int connections, out int role, out long joined)
    {
        (connections, role, joined) = (0, 0, 0);
        var text = ((ReadOnlyMemory<byte>)record).Span;
        int words = 0;
        foreach (var word in text.Split((byte)' '))
        {
            bool read = words++ switch
            {
                0 => TryReadNumber(text[word], out connections),
                1 => TryReadNumber(text[word], out role),
                3 => TryReadNumber(text[word], out joined),
                _ => true,
            };
            if (!read)
                return false;
        }
        return words == 5;
    }

    private static bool TryReadNumber<T>(ReadOnlySpan<byte> utf8, out T number)
        where T : struct, IBinaryInteger<T> =>
        T.TryParse(utf8, NumberStyles.Integer, CultureInfo.InvariantCulture, out number);

    private static DateTime Time(long ms) => DateTime.UnixEpoch.AddMilliseconds(ms);
}
