using Aether.Api;
using Aether.Api.Access;
using Aether.Api.Configuration;
using Aether.Api.Hosting;
using Aether.Api.Http;
using Aether.Api.Legacy;
using Aether.Api.Telemetry;
using Aether.Api.WebSockets;
using Aether.Application;
using Aether.Application.Commands;
using Aether.Application.Delivery;
using Aether.Application.FanOut;
using Aether.Application.Handlers;
using Aether.Application.History;
using Aether.Application.Instrumentation;
using Aether.Application.Pipeline;
using Aether.Application.Ports;
using Aether.Application.Presence;
using Aether.Application.Tracing;
using Aether.Application.Wire;
using Aether.Infrastructure;
using MediatR;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds the real-time layer to a host.</summary>
public static class AetherRealtimeServices
{
    /// <summary>The tag of the health check that readiness depends on.</summary>
    internal const string ReadyTag = "aether-ready";

    // A host has names of its own, and two of the same keep the checks from running at all.
    private const string CheckName = "aether-realtime";

    /// <summary>
    /// Adds everything that <c>MapAetherRealtime</c> serves. Options come from section <c>Aether:Realtime</c>, and from
    /// <paramref name="configure"/> after it. <c>ConnectionStrings:Redis</c> chooses Redis, without it everything stays
    /// in the memory of this process. A further call adds its options and nothing else.
    /// </summary>
    /// <param name="services">The host's services.</param>
    /// <param name="configuration">The host's configuration.</param>
    /// <param name="configure">
    /// Sets options in code. It runs again whenever the configuration has changed, on options that are new.
    /// </param>
    /// <param name="redis">
    /// Finds a connection to Redis that the host has anyway, in place of <c>ConnectionStrings:Redis</c>. The host goes on
    /// to own it: it is never disposed of here.
    /// </param>
    /// <exception cref="ArgumentException"><c>ConnectionStrings:Redis</c> cannot be read.</exception>
    /// <exception cref="InvalidOperationException">
    /// A further call names a connection, and the first one did not.
    /// </exception>
    public static IServiceCollection AddAetherRealtime(
        this IServiceCollection services,
        IConfiguration configuration,
        Action<RealtimeOptions>? configure = null,
        Func<IServiceProvider, IConnectionMultiplexer>? redis = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configuration);
        var added = (Added?)services.FirstOrDefault(service => service.ServiceType == typeof(Added))
            ?.ImplementationInstance;
        if (redis is not null && added is { SharesRedis: false })
        {
            throw new InvalidOperationException(
                "AddAetherRealtime was called before without 'redis': its first call chooses the connection to Redis.");
        }
        if (added is null)
        {
            services.AddSingleton(new Added(SharesRedis: redis is not null));
            services.AddOptionsOfRealtime(configuration);
            services.AddRealtime(configuration, redis);
        }
        // After the section, and in the order of the calls.
        if (configure is not null)
            services.Configure(configure);
        return services;
    }

    private static void AddOptionsOfRealtime(this IServiceCollection services, IConfiguration configuration)
    {
        var section = configuration.GetSection(RealtimeOptions.Section);
        services.AddOptions<RealtimeOptions>().Configure(options => RealtimeOptionsReader.Read(section, options));
        services.AddSingleton<IValidateOptions<RealtimeOptions>>(new SectionsValidator(configuration));
        services.AddSingleton<IOptionsChangeTokenSource<RealtimeOptions>>(
            new ConfigurationChangeTokenSource<RealtimeOptions>(section));
        services.AddSingleton<IValidateOptions<RealtimeOptions>, RealtimeOptionsValidator>();
        // The drain is part of stopping, and whoever stops the host has to wait for it.
        services.AddSingleton<IPostConfigureOptions<HostOptions>, DrainTimeout>();
        services.AddOptions<SocketTransportOptions>().Configure<IOptions<RealtimeOptions>>(
            static (transport, realtime) =>
            {
                if (realtime.Value.Delivery.InlineScheduling)
                    transport.UnsafePreferInlineScheduling = true;
            });
    }

    private static void AddRealtime(
        this IServiceCollection services,
        IConfiguration configuration,
        Func<IServiceProvider, IConnectionMultiplexer>? redis)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddAetherHandlers();
        if (redis is null)
            services.AddAetherInfrastructure(configuration.GetConnectionString("Redis"));
        else
            services.AddAetherInfrastructure(redis);
        services.AddAetherSharedReads();
        services.AddAetherInstrumentation();

        services.AddSingleton(provider => new DeliveryLoops(
            Options(provider).Delivery.Loops,
            coalesce: Options(provider).Delivery.Coalesce,
            time: provider.GetRequiredService<TimeProvider>(),
            logger: provider.GetRequiredService<ILogger<DeliveryLoops>>()));
        services.AddSingleton(provider => new Hub(
            provider.GetRequiredService<IMessageBus>(),
            provider.GetRequiredService<DeliveryLoops>(),
            provider.GetRequiredService<ServerMessages>(),
            provider.GetRequiredService<PresenceListener>(),
            provider.GetRequiredService<HistoryServices>(),
            provider.GetRequiredService<ClientTraces>()));
        services.AddSingleton(provider => new HistoryServices(
            provider.GetRequiredService<KeptMessages>(),
            provider.GetRequiredService<DeliveryLoops>(),
            provider.GetRequiredService<ServerMessages>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<RealtimeMetrics>(),
            provider.GetRequiredService<ILogger<HistoryServices>>()));
        services.AddHostedService<HistoryRenewal>();
        services.AddHostedService<LeaseEnding>();
        services.AddSingleton<Func<TokenOptions>>(provider =>
        {
            var live = provider.GetRequiredService<LiveOptions>();
            return () => live.Current.Tokens;
        });
        services.AddHostedService<RevocationReading>();
        services.AddSingleton<Instance>();
        services.AddSingleton<IInstanceStatus, InstanceStatus>();
        services.AddSingleton<Clock>();
        services.AddSingleton(provider => new ConfigurationFiles(
            configuration, provider.GetRequiredService<ILogger<ConfigurationFiles>>()));
        services.AddSingleton<LiveOptions>();
        services.AddSingleton<LiveTokens>();
        services.AddSingleton<ITokenValidator>(provider => provider.GetRequiredService<LiveTokens>());
        services.AddSingleton<Credentials>();
        services.AddSingleton<Origins>();
        services.AddSingleton(provider => new ConnectionRegistry(Options(provider)));
        services.AddSingleton(provider => new ConnectionServices(
            provider.GetRequiredKeyedService<IMediator>(
                OwnMediator.Key),
            provider.GetRequiredService<ServerMessages>(),
            new ConnectionLimits(Options(provider)),
            provider.GetRequiredService<Instance>(),
            provider.GetRequiredService<Clock>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<SocketConnection>>(),
            HandlerDispatcher.CreateIfAny(provider),
            new CommandServices(
                provider.GetRequiredService<CommandWatches>(), provider.GetRequiredService<CommandRunner>()),
            provider.GetRequiredService<Credentials>()));
        services.AddHostedService<CommandClock>();
        services.AddHostedService<ExecutionRepair>();
        services.AddSingleton<RealtimeEndpoint>();
        services.AddSingleton<LegacyReceivers>();
        services.AddSingleton<LegacyEndpoint>();
        services.AddMetrics();
        services.AddSingleton<DeliveryMetrics>();
        services.AddSingleton<ConnectionMetrics>();
        services.AddSingleton<PrometheusMetrics>();
        services.AddAetherHttp();
        services.AddSingleton<MappedRoutes>();
        services.AddSingleton<MatcherPolicy, CatchAllsLast>();
        services.AddSingleton<ListenerPauses>();
        // The transport that the host has chosen by now. Without one there is nothing to listen with, or the host adds it
        // later and looks after it itself.
        services.TryDecorate<IConnectionListenerFactory, GuardedListenerFactory>();
        services.AddSingleton<Capacity>();
        services.AddHostedService<RealtimeLifecycle>();
        services.AddHostedService<ConnectionClock>();
        services.AddHealthChecks().AddCheck<BackplaneHealthCheck>(CheckName, tags: ["ready", ReadyTag]);
    }

    private static RealtimeOptions Options(IServiceProvider provider) =>
        provider.GetRequiredService<IOptions<RealtimeOptions>>().Value;

    // Says that everything is there, and how the first call chose.
    private sealed record Added(bool SharesRedis);

    private sealed class DrainTimeout(IOptions<RealtimeOptions> options) : IPostConfigureOptions<HostOptions>
    {
        private static readonly TimeSpan Rest = TimeSpan.FromSeconds(10);

        public void PostConfigure(string? name, HostOptions host)
        {
            var needed = options.Value.Drain.Value + Rest;
            // One without an end is written as less than nothing.
            if (host.ShutdownTimeout != Timeout.InfiniteTimeSpan && host.ShutdownTimeout < needed)
                host.ShutdownTimeout = needed;
        }
    }
}
