using Aether.Api.Access;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Lets a host say what its own users may do.</summary>
public static class RealtimeAuthorizationServices
{
    /// <summary>
    /// Asks the host about everybody who shows neither an API key nor a token of ours. Nobody is let in without being asked
    /// any more, and programs of the same machine neither.
    /// </summary>
    /// <param name="services">The host's services.</param>
    /// <param name="authorize">Whom to ask.</param>
    /// <exception cref="InvalidOperationException">Another one was added before: there is one that decides.</exception>
    public static IServiceCollection AddRealtimeAuthorization(
        this IServiceCollection services, RealtimeAuthorizer authorize)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(authorize);
        object? before = services.FirstOrDefault(service => service.ServiceType == typeof(RealtimeAuthorizer))
            ?.ImplementationInstance;
        if (before is null)
            return services.AddSingleton(authorize);
        return authorize.Equals(before)
            ? services
            : throw new InvalidOperationException("AddRealtimeAuthorization was called before: there is one that decides.");
    }
}
