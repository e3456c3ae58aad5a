using Aether.Api.Access;
using Aether.Api.Hosting;
using Aether.Api.Http;
using Aether.Api.Legacy;
using Aether.Api.WebSockets;
using Aether.Application;
using Aether.Application.Delivery;
using Aether.Application.Instrumentation;
using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Infrastructure;
using MediatR;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds the real-time layer to a host.</summary>
public static class AetherRealtimeServices
{
    /// <summary>The tag of the health check that readiness depends on.</summary>
    internal const string ReadyTag = "aether-ready";

    /// <summary>
    /// Adds everything that <c>MapAetherRealtime</c> serves. Options come from section <c>Aether:Realtime</c>;
    /// <c>ConnectionStrings:Redis</c> chooses Redis, without it everything stays in the memory of this process.
    /// </summary>
    /// <exception cref="ArgumentException"><c>ConnectionStrings:Redis</c> cannot be read.</exception>
    public static IServiceCollection AddAetherRealtime(this IServiceCollection services, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configuration);
        var section = configuration.GetSection(RealtimeOptions.Section);
        services.AddOptions<RealtimeOptions>().Configure(options => RealtimeOptionsReader.Read(section, options));
        services.AddSingleton<IOptionsChangeTokenSource<RealtimeOptions>>(
            new ConfigurationChangeTokenSource<RealtimeOptions>(section));
        services.AddSingleton<IValidateOptions<RealtimeOptions>, RealtimeOptionsValidator>();

        services.TryAddSingleton(TimeProvider.System);
        services.AddAetherApplication();
        services.AddAetherInfrastructure(configuration.GetConnectionString("Redis"));
        services.AddAetherInstrumentation();

        services.AddSingleton(provider => new DeliveryLoops(Options(provider).Delivery.Loops));
        services.AddSingleton(provider => new Hub(
            provider.GetRequiredService<IMessageBus>(),
            provider.GetRequiredService<DeliveryLoops>(),
            provider.GetRequiredService<ServerMessages>()));
        services.AddSingleton<Instance>();
        services.AddSingleton<Clock>();
        services.AddSingleton<LiveOptions>();
        services.AddSingleton<ApiKeys>();
        services.AddSingleton<Origins>();
        services.AddSingleton(provider => new ConnectionRegistry(Options(provider).MaxConnections));
        services.AddSingleton(provider => new ConnectionServices(
            provider.GetRequiredService<IMediator>(),
            provider.GetRequiredService<ServerMessages>(),
            new ConnectionLimits(Options(provider)),
            provider.GetRequiredService<Instance>(),
            provider.GetRequiredService<Clock>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<SocketConnection>>()));
        services.AddSingleton<RealtimeEndpoint>();
        services.AddSingleton<LegacyReceivers>();
        services.AddSingleton<LegacyEndpoint>();
        services.AddSingleton<DeliveryMetrics>();
        services.AddSingleton<ConnectionMetrics>();
        services.AddSingleton<PrometheusMetrics>();
        services.AddAetherHttp();
        services.AddHostedService<RealtimeLifecycle>();
        services.AddHostedService<ConnectionClock>();
        services.AddHealthChecks().AddCheck<BackplaneHealthCheck>("aether", tags: [ReadyTag]);

        // The drain is part of stopping, and whoever stops the host has to wait for it.
        services.AddSingleton<IPostConfigureOptions<HostOptions>, DrainTimeout>();
        if (section.GetValue<bool>("Delivery:InlineScheduling"))
            services.Configure<SocketTransportOptions>(transport => transport.UnsafePreferInlineScheduling = true);
        return services;
    }

    private static RealtimeOptions Options(IServiceProvider provider) =>
        provider.GetRequiredService<IOptions<RealtimeOptions>>().Value;

    private sealed class DrainTimeout(IOptions<RealtimeOptions> options) : IPostConfigureOptions<HostOptions>
    {
        private static readonly TimeSpan Rest = TimeSpan.FromSeconds(10);

        public void PostConfigure(string? name, HostOptions host)
        {
            var needed = options.Value.Drain.Value + Rest;
            if (host.ShutdownTimeout < needed)
                host.ShutdownTimeout = needed;
        }
    }
}
