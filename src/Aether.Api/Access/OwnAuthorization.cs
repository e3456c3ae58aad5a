using Microsoft.AspNetCore.Authorization;

namespace Aether.Api.Access;

/// <summary>
/// Says to the host's authorization that an endpoint has one of its own, so that a fallback policy, which is for those
/// that have none, is not asked. Where the host requires something of the endpoint itself, that is left as it is.
/// </summary>
internal static class OwnAuthorization
{
    /// <summary>Lets everybody through to the endpoint, which then asks for the key.</summary>
    private static readonly AuthorizationPolicy Policy =
        new AuthorizationPolicyBuilder().RequireAssertion(static _ => true).Build();

    /// <summary>Says so, unless the host has said something by the time that all is said.</summary>
    public static RouteGroupBuilder AuthorizesItself(this RouteGroupBuilder endpoints)
    {
        ((IEndpointConventionBuilder)endpoints).Finally(static endpoint =>
        {
            // Beside a policy the framework no longer asks the host's default one, which a bare [Authorize] means.
            if (!endpoint.Metadata.Any(one => one is IAuthorizeData or AuthorizationPolicy or IAuthorizationRequirementData))
                endpoint.Metadata.Add(Policy);
        });
        return endpoints;
    }
}
