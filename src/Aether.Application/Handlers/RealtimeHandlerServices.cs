using Aether.Application.Handlers;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds what the host hears with.</summary>
public static class RealtimeHandlerServices
{
    /// <summary>
    /// Adds a handler of the host's. It is made anew for each call, in the scope of that call. Adding it twice adds it
    /// once.
    /// </summary>
    /// <typeparam name="THandler">The handler.</typeparam>
    /// <param name="services">The host's services.</param>
    public static IServiceCollection AddRealtimeHandler<THandler>(this IServiceCollection services)
        where THandler : class, IRealtimeHandler
    {
        ArgumentNullException.ThrowIfNull(services);
        services.TryAddEnumerable(ServiceDescriptor.Scoped<IRealtimeHandler, THandler>());
        return services;
    }
}
