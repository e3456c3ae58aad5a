using System.Collections.Concurrent;
using System.Linq.Expressions;
using Aether.Domain;
using Ardalis.Specification;

namespace Aether.Application.Presence;

/// <summary>Which members of a group are asked for, and in which order.</summary>
internal sealed class RosterSpecification : Specification<Member>
{
    // What one compiles stays with it, and takes longer than to sort 500 members. Without filters there are few of them.
    private static readonly ConcurrentDictionary<(Role? Role, RosterSort Sort), RosterSpecification> Known = new();
    private static readonly InMemorySpecificationEvaluator Filter = new([WhereEvaluator.Instance]);
    private static readonly InMemorySpecificationEvaluator Order = new([OrderEvaluator.Instance]);

    private RosterSpecification(Role? role, RosterSort sort, IReadOnlyList<StateFilter> filters)
    {
        if (role is { } only)
            Query.Where(member => member.Role == only);
        foreach (var filter in filters)
            Query.Where(member => filter.Matches(member));
        Expression<Func<Member, object?>> key = sort.By switch
        {
            RosterOrder.JoinedAt => static member => member.JoinedAt,
            RosterOrder.LastSeen => static member => member.LastSeen,
            RosterOrder.ClientId => static member => member.ClientId,
        };
        // Members that came at the same time would change places from one page to the next.
        (sort.Descending ? Query.OrderByDescending(key) : Query.OrderBy(key)).ThenBy(member => member.ClientId);
    }

    /// <summary>What a query asks for, on whatever page.</summary>
    public static RosterSpecification Of(RosterQuery query)
    {
        ArgumentNullException.ThrowIfNull(query);
        return query.State is []
            ? Known.GetOrAdd((query.Role, query.Sort), static key => new(key.Role, key.Sort, []))
            : new(query.Role, query.Sort, query.State);
    }

    /// <summary>How many of a group's members fit.</summary>
    public int Count(IReadOnlyList<Member> members) => Filter.Evaluate(members, this).Count();

    /// <summary>Keeps a page of a group's members. Each of them is looked at once.</summary>
    public RosterPage PageOf(IReadOnlyList<Member> members, int offset, int limit)
    {
        var fitting = Filter.Evaluate(members, this).ToList();
        return new([.. Order.Evaluate(fitting, this).Skip(offset).Take(limit)], fitting.Count);
    }
}
