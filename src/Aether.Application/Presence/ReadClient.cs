using Aether.Application.Ports;
using Aether.Domain;
using FluentValidation;
using MediatR;

namespace Aether.Application.Presence;

/// <summary>The host or an operator asks for one client of a group.</summary>
/// <param name="GroupId">The group.</param>
/// <param name="ClientId">The client.</param>
public sealed record ReadClient(VisionId GroupId, VisionId ClientId) : IRequest<Answer<Member>>;

/// <summary>Who is asked for, and where, must be known.</summary>
public sealed class ReadClientValidator : AbstractValidator<ReadClient>
{
    /// <summary>Adds the rules.</summary>
    public ReadClientValidator()
    {
        RuleFor(query => query.GroupId).Must(id => !id.IsEmpty)
            .WithErrorCode(ErrorCode.InvalidMessage.Name).OverridePropertyName("group_id").WithMessage("is required");
        RuleFor(query => query.ClientId).Must(id => !id.IsEmpty)
            .WithErrorCode(ErrorCode.InvalidMessage.Name).OverridePropertyName("client_id").WithMessage("is required");
    }
}

/// <summary>Finds the client among the members of the group.</summary>
public sealed class ReadClientHandler(IPresenceStore presence) : IRequestHandler<ReadClient, Answer<Member>>
{
    /// <inheritdoc/>
    public async Task<Answer<Member>> Handle(ReadClient request, CancellationToken cancellationToken)
    {
        var members = await presence.GetMembersAsync(request.GroupId, cancellationToken).ConfigureAwait(false);
        if (members is null)
            return Rejection.PresenceUnavailable;
        return members.FirstOrDefault(member => member.ClientId == request.ClientId) is { } member
            ? member
            : Rejection.NotPresent;
    }
}
