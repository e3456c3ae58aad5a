using Aether.Application.Instrumentation;
using Aether.Application.Messaging;
using Aether.Application.Pipeline;
using Aether.Application.Ports;
using Aether.Application.Presence;
using Aether.Application.Wire;
using FluentValidation;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Aether.Application;

/// <summary>
/// Registers the application layer. Its ports, <see cref="IMessageBus"/> and <see cref="IPresenceStore"/>, come from an
/// adapter.
/// </summary>
public static class DependencyInjection
{
    /// <summary>
    /// Adds the mediator, every command's handler and validators, and the pipeline that they pass. All are singletons:
    /// they keep nothing of a message, and a dispatch then needs no scope.
    /// </summary>
    public static IServiceCollection AddAetherApplication(this IServiceCollection services)
    {
        // A second call would register every validator again, and each command would be checked twice.
        if (services.Any(service => service.ServiceType == typeof(ServerMessages)))
            return services;
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<ServerMessages>();
        services.AddSingleton<IPresenceWatcher, PresenceAnnouncer>();
        services.TryAddSingleton<IRealtime, Realtime>();
        services.TryAddSingleton<ServiceFactory>(provider => provider.GetRequiredService);
        services.TryAddSingleton<IMediator, Mediator>();
        services.AddSingleton(typeof(IPipelineBehavior<,>), typeof(ValidationBehavior<,>));
        return services.Scan(scan => scan.FromAssemblies(typeof(DependencyInjection).Assembly)
            .AddClasses(classes => classes.AssignableTo(typeof(IRequestHandler<,>)), publicOnly: false)
            .AsImplementedInterfaces(type => Is(type, typeof(IRequestHandler<,>)))
            .WithSingletonLifetime()
            .AddClasses(classes => classes.AssignableTo(typeof(IValidator<>)), publicOnly: false)
            .AsImplementedInterfaces(type => Is(type, typeof(IValidator<>)))
            .WithSingletonLifetime());
    }

    /// <summary>
    /// Measures and traces the ports: meter <see cref="RealtimeMetrics.MeterName"/>, activity source
    /// <see cref="RealtimeTracing.SourceName"/>. Comes after the adapters, which it wraps.
    /// </summary>
    /// <exception cref="Scrutor.DecorationException">A port has no adapter yet.</exception>
    public static IServiceCollection AddAetherInstrumentation(this IServiceCollection services)
    {
        // A second call would wrap the ports again, and everything would be counted twice.
        if (services.Any(service => service.ServiceType == typeof(RealtimeMetrics)))
            return services;
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<RealtimeMetrics>();
        return services
            .Decorate<IMessageBus, InstrumentedMessageBus>()
            .Decorate<IPresenceStore, InstrumentedPresenceStore>();
    }

    // The open generic helper interfaces that handlers and validators also implement are nobody's service.
    private static bool Is(Type type, Type definition) =>
        type.IsGenericType && type.GetGenericTypeDefinition() == definition;
}
