using Aether.Application.Commands;
using Aether.Application.History;
using Aether.Application.Instrumentation;
using Aether.Application.Leases;
using Aether.Application.Messaging;
using Aether.Application.Pipeline;
using Aether.Application.Ports;
using Aether.Application.Presence;
using Aether.Application.Tokens;
using Aether.Application.Tracing;
using Aether.Application.Wire;
using Aether.Domain;
using FluentValidation;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Aether.Application;

/// <summary>
/// Registers the application layer. Its ports, <see cref="IMessageBus"/> and <see cref="IPresenceStore"/>, come from an
/// adapter.
/// </summary>
internal static class DependencyInjection
{
    /// <summary>
    /// Adds every command's handler and validators, and the pipeline that they pass. All are singletons: they keep
    /// nothing of a message, and a dispatch then needs no scope.
    /// </summary>
    public static IServiceCollection AddAetherApplication(this IServiceCollection services)
    {
        services.AddAetherHandlers();
        services.TryAddSingleton<ServiceFactory>(provider => provider.GetRequiredService);
        services.TryAddSingleton<IMediator, Mediator>();
        services.TryAddEnumerable(
            ServiceDescriptor.Singleton(typeof(IPipelineBehavior<,>), typeof(ValidationBehavior<,>)));
        return services;
    }

    /// <summary>
    /// Adds the same without a mediator that everybody gets who asks for one: for a host that may have its own, whose
    /// scopes and behaviours have nothing to do with this layer.
    /// </summary>
    public static IServiceCollection AddAetherHandlers(this IServiceCollection services)
    {
        // A second call would register every validator again, and each command would be checked twice.
        if (services.Any(service => service.ServiceType == typeof(ServerMessages)))
            return services;
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<ServerMessages>();
        services.AddSingleton<PresenceAnnouncer>();
        services.AddSingleton<IPresenceWatcher>(provider => provider.GetRequiredService<PresenceAnnouncer>());
        services.AddSingleton<PresenceListener>();
        services.AddSingleton<StateUpdates>();
        services.AddSingleton<AnswerPacing>();
        services.AddSingleton<Recipients>();
        services.AddSingleton<KeptMessages>();
        services.AddSingleton<KeptDirect>();
        services.AddSingleton<SendOrder>();
        services.AddSingleton<DirectMessages>();
        services.AddSingleton<LeaseGuard>();
        services.AddSingleton<TokenChecks>();
        services.TryAddSingleton<ITokenValidator, NoTokens>();
        services.AddSingleton<ClientTraces>();
        services.AddSingleton<CommandWatches>();
        services.AddSingleton<CommandRunner>();
        services.AddSingleton<MissedExecutions>();
        services.AddSingleton<PlainReports>();
        services.AddSingleton(provider => new Revocations(
            provider.GetRequiredService<IRevocationStore>(),
            provider.GetRequiredService<TimeProvider>(),
            // From whoever knows how the settings are now.
            provider.GetService<Func<TokenOptions>>()));
        services.TryAddSingleton<IPresenceDirectory, NoDirectory>();
        services.TryAddSingleton<IRealtime, Realtime>();
        services.AddKeyedSingleton(OwnMediator.Key, (provider, _) => OwnMediator.Create(provider));
        services.Scan(scan => scan.FromAssemblies(typeof(DependencyInjection).Assembly)
            .AddClasses(classes => classes.AssignableTo(typeof(IRequestHandler<,>)), publicOnly: false)
            .AsImplementedInterfaces(type => Is(type, typeof(IRequestHandler<,>)))
            .WithSingletonLifetime()
            .AddClasses(
                classes => classes.AssignableTo(typeof(IValidator<>)).Where(type => !type.IsGenericTypeDefinition),
                publicOnly: false)
            .AsImplementedInterfaces(type => Is(type, typeof(IValidator<>)))
            .WithSingletonLifetime());
        services.AddMessageRules();
        return services;
    }

    /// <summary>
    /// Lets all who ask for a group's members at a time share one read of them. Comes after the adapters, one of which it
    /// wraps.
    /// </summary>
    /// <exception cref="Scrutor.DecorationException">The port has no adapter yet.</exception>
    public static IServiceCollection AddAetherSharedReads(this IServiceCollection services)
    {
        if (services.Any(service => service.ServiceType == typeof(SharedReads)))
            return services;
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<SharedReads>();
        return services.Decorate<IPresenceStore, SharedPresenceReads>();
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
        services.TryDecorate<IMessageHistory, InstrumentedMessageHistory>();
        services.TryDecorate<ILeaseStore, InstrumentedLeaseStore>();
        return services
            .Decorate<IMessageBus, InstrumentedMessageBus>()
            .Decorate<IPresenceStore, InstrumentedPresenceStore>();
    }

    /// <summary>What there is where the adapters bring no directory: nothing can be read from it.</summary>
    private sealed class NoDirectory : IPresenceDirectory
    {
        public Task<IReadOnlyList<GroupSize>?> GetGroupsAsync(
            IReadOnlyCollection<VisionId>? only, CancellationToken cancellationToken) =>
            Task.FromResult<IReadOnlyList<GroupSize>?>(null);

        public Task<IReadOnlyList<InstanceFacts>?> GetInstancesAsync(CancellationToken cancellationToken) =>
            Task.FromResult<IReadOnlyList<InstanceFacts>?>(null);
    }

    /// <summary>Gives the rules that hold for every message to the commands that have no validator of their own.</summary>
    private static void AddMessageRules(this IServiceCollection services)
    {
        foreach (var command in typeof(IMessageCommand).Assembly.GetTypes()
            .Where(type => type.IsClass && type.IsAssignableTo(typeof(IMessageCommand))))
        {
            services.TryAddSingleton(
                typeof(IValidator<>).MakeGenericType(command), typeof(MessageCommandValidator<>).MakeGenericType(command));
        }
    }

    // Says that the port is wrapped: a second time would be of no use.
    private sealed class SharedReads;

    // The open generic helper interfaces that handlers and validators also implement are nobody's service.
    private static bool Is(Type type, Type definition) =>
        type.IsGenericType && type.GetGenericTypeDefinition() == definition;
}
