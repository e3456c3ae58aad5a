using Aether.Application.Ports;
using Aether.Domain;
using MediatR;

namespace Aether.Application.Presence;

/// <summary>The host asks how many clients are present in a group.</summary>
/// <param name="GroupId">The group.</param>
/// <param name="Role">Only those of this role; <see langword="null"/>: of any.</param>
internal sealed record CountClients(VisionId GroupId, Role? Role = null) : IRequest<Answer<int>>;

/// <summary>Counts the members of the group that fit.</summary>
internal sealed class CountClientsHandler(IPresenceStore presence) : IRequestHandler<CountClients, Answer<int>>
{
    /// <inheritdoc/>
    public async Task<Answer<int>> Handle(CountClients request, CancellationToken cancellationToken)
    {
        var members = await presence.GetMembersAsync(request.GroupId, cancellationToken).ConfigureAwait(false);
        return members is null
            ? Rejection.PresenceUnavailable
            : RosterSpecification.Of(new RosterQuery { Role = request.Role }).Count(members);
    }
}
