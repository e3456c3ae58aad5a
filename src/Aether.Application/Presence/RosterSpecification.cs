using Aether.Domain;

namespace Aether.Application.Presence;

/// <summary>A page of a group's members, by client id.</summary>
public sealed class RosterSpecification : Specification<Member>
{
    /// <summary>The most members on one page.</summary>
    public const int MaxLimit = 500;

    /// <summary>Asks for a page.</summary>
    /// <param name="role">Only members of this role; <see langword="null"/>: of any.</param>
    /// <param name="offset">How many to leave out.</param>
    /// <param name="limit">How many at most.</param>
    public RosterSpecification(Role? role, int offset, int limit)
    {
        if (role is { } only)
            Query.Where(member => member.Role == only);
        Query.OrderBy(member => member.ClientId).Skip(offset).Take(limit);
    }
}
