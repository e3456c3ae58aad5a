using Aether.Application.Ports;
using Aether.Domain;
using MediatR;

namespace Aether.Application.Presence;

/// <summary>The host or an operator asks for one client of a group.</summary>
/// <param name="GroupId">The group.</param>
/// <param name="ClientId">The client.</param>
internal sealed record ReadClient(VisionId GroupId, VisionId ClientId)
    : IRequest<Answer<Member>>;

/// <summary>Finds the client among the members of the group.</summary>
internal sealed class ReadClientHandler(IPresenceStore presence) : IRequestHandler<ReadClient, Answer<Member>>
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
