using Aether.Application.Pipeline;
using Aether.Application.Ports;
using Aether.Domain;
using FluentValidation;
using MediatR;

namespace Aether.Application.Presence;

/// <summary>A client, the host or an operator asks who is present in a group.</summary>
/// <param name="GroupId">The group.</param>
/// <param name="Query">Which of its members.</param>
internal sealed record ReadRoster(VisionId GroupId, RosterQuery Query) : IRequest<Answer<RosterReply>>;

/// <summary>Some of a group's members.</summary>
/// <param name="Members">Those of the page, in the order that was asked for.</param>
/// <param name="Total">How many fit, on whatever page.</param>
public sealed record RosterPage(IReadOnlyList<Member> Members, int Total);

/// <summary>The page must be one that can be had.</summary>
internal sealed class ReadRosterValidator : AbstractValidator<ReadRoster>
{
    /// <summary>Adds the rules.</summary>
    public ReadRosterValidator()
    {
        RuleFor(query => query.Query.State)
            .Must(filters => filters.Count <= RosterQuery.MaxFilters && filters.All(filter => filter.IsValid))
            .WithErrorCode(ErrorCode.InvalidMessage.Name).OverridePropertyName("state").WithMessage(StateFilter.Rule);
        this.HasOffset(query => query.Query.Offset);
        this.HasLimit(query => query.Query.Limit);
    }
}

/// <summary>Reads the members of the group and answers with the page that was asked for.</summary>
internal sealed class ReadRosterHandler(IPresenceStore presence) : IRequestHandler<ReadRoster, Answer<RosterReply>>
{
    /// <inheritdoc/>
    public async Task<Answer<RosterReply>> Handle(ReadRoster request, CancellationToken cancellationToken)
    {
        var members = await presence.GetMembersAsync(request.GroupId, cancellationToken).ConfigureAwait(false);
        return members is null
            ? Rejection.PresenceUnavailable
            : MembersSnapshot.PageOf(members, request.Query);
    }
}
