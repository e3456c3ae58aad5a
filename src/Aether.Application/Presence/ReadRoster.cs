using Aether.Application.Ports;
using Aether.Domain;
using FluentValidation;
using MediatR;

namespace Aether.Application.Presence;

/// <summary>The host or an operator asks who is present in a group.</summary>
/// <param name="GroupId">The group.</param>
/// <param name="Query">Which of its members.</param>
internal sealed record ReadRoster(VisionId GroupId, RosterQuery Query) : IRequest<Answer<RosterPage>>;

/// <summary>Some of a group's members.</summary>
/// <param name="Members">Those of the page, in the order that was asked for.</param>
/// <param name="Total">How many fit, on whatever page.</param>
public sealed record RosterPage(IReadOnlyList<Member> Members, int Total);

/// <summary>The group must be known, and the page one that can be had.</summary>
internal sealed class ReadRosterValidator : AbstractValidator<ReadRoster>
{
    /// <summary>What <c>offset</c> has to be.</summary>
    public const string OffsetRule = "must be a whole number from 0";

    /// <summary>What <c>limit</c> has to be.</summary>
    public const string LimitRule = "must be a whole number from 1 to 500";

    /// <summary>Adds the rules.</summary>
    public ReadRosterValidator()
    {
        RuleFor(query => query.GroupId).Must(id => !id.IsEmpty)
            .WithErrorCode(ErrorCode.InvalidMessage.Name).OverridePropertyName("group_id").WithMessage("is required");
        RuleFor(query => query.Query.State)
            .Must(filters => filters.Count <= RosterQuery.MaxFilters && filters.All(filter => filter.IsValid))
            .WithErrorCode(ErrorCode.InvalidMessage.Name).OverridePropertyName("state").WithMessage(StateFilter.Rule);
        RuleFor(query => query.Query.Offset).GreaterThanOrEqualTo(0)
            .WithErrorCode(ErrorCode.InvalidMessage.Name).OverridePropertyName("offset").WithMessage(OffsetRule);
        RuleFor(query => query.Query.Limit).InclusiveBetween(1, RosterQuery.MaxLimit)
            .WithErrorCode(ErrorCode.InvalidMessage.Name).OverridePropertyName("limit").WithMessage(LimitRule);
    }
}

/// <summary>Reads the members of the group and answers with the page that was asked for.</summary>
internal sealed class ReadRosterHandler(IPresenceStore presence) : IRequestHandler<ReadRoster, Answer<RosterPage>>
{
    /// <inheritdoc/>
    public async Task<Answer<RosterPage>> Handle(ReadRoster request, CancellationToken cancellationToken)
    {
        var members = await presence.GetMembersAsync(request.GroupId, cancellationToken).ConfigureAwait(false);
        return members is null
            ? Rejection.PresenceUnavailable
            : MembersSnapshot.PageOf(members, request.Query).Roster;
    }
}
