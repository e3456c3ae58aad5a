using System.Security.Claims;
using Aether.Domain;

namespace Aether.Application.Handlers;

/// <summary>A client's connection as the host's handlers see it: the same object in each call for it, until a
/// renewed token changes what it may do.</summary>
/// <param name="Id">Its name, unique over all instances; empty while it is connecting.</param>
/// <param name="GroupId">The group that it is in.</param>
/// <param name="ClientId">The client, which may have other connections as well.</param>
/// <param name="Role">What it is in its group.</param>
/// <param name="Permissions">What it may do beyond talking inside its own group.</param>
/// <param name="User">
/// Who the host's own authentication took it for when it connected; <see langword="null"/>: for nobody.
/// </param>
public sealed record RealtimeConnection(
    string Id, string GroupId, string ClientId, Role Role, Permissions Permissions, ClaimsPrincipal? User);
