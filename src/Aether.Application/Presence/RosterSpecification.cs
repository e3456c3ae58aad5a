using Aether.Domain;

namespace Aether.Application.Presence;

/// <summary>A page of a group's members: which ones, in which order, and what part of them.</summary>
internal sealed class RosterSpecification : Specification<Member>
{
    /// <summary>Asks for a page.</summary>
    public RosterSpecification(RosterQuery query)
    {
        ArgumentNullException.ThrowIfNull(query);
        if (query.Role is { } only)
            Query.Where(member => member.Role == only);
        foreach (var filter in query.State)
            Query.Where(filter.Matches);
        var sorted = query.Sort.By switch
        {
            RosterOrder.JoinedAt => Sorted(member => member.JoinedAt, query.Sort.Descending),
            RosterOrder.LastSeen => Sorted(member => member.LastSeen, query.Sort.Descending),
            RosterOrder.ClientId => Sorted(member => member.ClientId, query.Sort.Descending),
        };
        // Members that came at the same time would change places from one page to the next.
        sorted.ThenBy(member => member.ClientId).Skip(query.Offset).Take(query.Limit);
    }

    /// <summary>Reads a group's members and keeps the page that is asked for.</summary>
    internal RosterPage PageOf(IReadOnlyList<Member> members) => new([.. Evaluate(members)], Count(members));

    private Builder Sorted<TKey>(Func<Member, TKey> key, bool descending) =>
        descending ? Query.OrderByDescending(key) : Query.OrderBy(key);
}
