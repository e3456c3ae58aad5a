using System.Collections;
using System.Collections.Concurrent;
using Aether.Domain;

namespace Aether.Application.Presence;

/// <summary>
/// All members of a group at one moment, by client id. Many ask for the same pages of it: each is made once.
/// </summary>
internal sealed class MembersSnapshot : IReadOnlyList<Member>
{
    // More pages than one group's askers need; who asks for others has them made for itself.
    private const int MaxPages = 128;

    private readonly Member[] members;
    private readonly ConcurrentDictionary<(Role? Role, int Offset, int Limit), RosterReply> pages = new();

    private MembersSnapshot(Member[] sorted) => members = sorted;

    /// <summary>Takes what a store read. Others' messages do not wait while it is sorted.</summary>
    public static async Task<MembersSnapshot> OfAsync(IEnumerable<Member> members) =>
        new(await SlicedSort.ByClientIdAsync(members).ConfigureAwait(false));

    /// <inheritdoc/>
    public int Count => members.Length;

    /// <inheritdoc/>
    public Member this[int index] => members[index];

    /// <summary>The page of a list of members, whoever read it.</summary>
    internal static RosterReply PageOf(IReadOnlyList<Member> members, RosterQuery query) =>
        members is MembersSnapshot snapshot && query is { State: [], Sort: { By: RosterOrder.ClientId, Descending: false } }
            ? snapshot.PageOf(query)
            : new RosterReply(RosterSpecification.Of(query).PageOf(members, query.Offset, query.Limit));

    private RosterReply PageOf(RosterQuery query)
    {
        var key = (query.Role, query.Offset, query.Limit);
        if (pages.TryGetValue(key, out var page))
            return page;
        var fitting = query.Role is { } role ? Array.FindAll(members, member => member.Role == role) : members;
        int from = Math.Min(query.Offset, fitting.Length);
        page = new RosterReply(new RosterPage(fitting[from..Math.Min(fitting.Length, from + query.Limit)], fitting.Length));
        return pages.Count < MaxPages ? pages.GetOrAdd(key, page) : page;
    }

    /// <inheritdoc/>
    public IEnumerator<Member> GetEnumerator() => members.AsEnumerable().GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

/// <summary>A page, and its JSON for who asks over a socket; both are shared by all who ask for the same.</summary>
internal sealed class RosterReply(RosterPage page)
{
    private readonly Lazy<ReadOnlyMemory<byte>> payload = new(() => RosterWriter.Payload(page));

    /// <summary>The members.</summary>
    public RosterPage Page => page;

    /// <summary>The payload of the answer.</summary>
    public ReadOnlyMemory<byte> Payload => payload.Value;
}
