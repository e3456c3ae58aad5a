using Aether.Application;
using Aether.Application.Legacy;
using Aether.Application.Ports;
using Aether.Infrastructure.InMemory;
using Aether.Infrastructure.Redis;
using Aether.Infrastructure.Redis.Bus;
using Aether.Infrastructure.Redis.Commands;
using Aether.Infrastructure.Redis.Connections;
using Aether.Infrastructure.Redis.Health;
using Aether.Infrastructure.Redis.History;
using Aether.Infrastructure.Redis.Leases;
using Aether.Infrastructure.Redis.Presence;
using Aether.Infrastructure.Redis.Revocations;
using Aether.Infrastructure.Redis.Subscriptions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace Aether.Infrastructure;

/// <summary>Registers the adapters of the ports.</summary>
public static class DependencyInjection
{
    /// <summary>Adds the adapters for Redis, or those for a single process.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="redisConnectionString"><c>ConnectionStrings:Redis</c>; empty: all stays in this process.</param>
    /// <exception cref="ArgumentException">The string is not valid. The message does not hold it.</exception>
    public static IServiceCollection AddAetherInfrastructure(
        this IServiceCollection services, string? redisConnectionString)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(provider =>
            provider.GetService<IOptions<RealtimeOptions>>()?.Value ?? new RealtimeOptions());
        services.AddSingleton<IValidateOptions<RealtimeOptions>>(new RedisOptionsValidator(redisConnectionString));
        if (string.IsNullOrWhiteSpace(redisConnectionString))
            return services.AddInMemoryBus();
        // Now, not when the first service asks for it: a host with a wrong string must not start.
        RedisConnectionString.Parse(redisConnectionString);
        services.AddSingleton(provider => new RedisConnection(
            redisConnectionString,
            provider.GetRequiredService<IOptions<RealtimeOptions>>().Value.Redis,
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<RedisConnection>>()));
        return services.AddRedisBus();
    }

    /// <summary>Adds the adapters for Redis, over a connection that the host has anyway.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="shared">Finds the connection. Whoever made it disposes of it; nobody does here.</param>
    public static IServiceCollection AddAetherInfrastructure(
        this IServiceCollection services, Func<IServiceProvider, IConnectionMultiplexer> shared)
    {
        ArgumentNullException.ThrowIfNull(shared);
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<IValidateOptions<RealtimeOptions>, SharedRedisOptionsValidator>();
        services.AddSingleton(provider => new RedisConnection(
            shared(provider), provider.GetRequiredService<ILogger<RedisConnection>>()));
        return services.AddRedisBus();
    }

    private static IServiceCollection AddInMemoryBus(this IServiceCollection services) =>
        services
            .AddSingleton<InMemoryChannels>()
            .AddSingleton(provider => new InMemoryLeaseStore(
                provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<InMemoryChannels>(),
                provider.GetRequiredService<RealtimeOptions>().Leases))
            .AddSingleton<IMessageBus, InMemoryMessageBus>()
            .AddSingleton<IMessageHistory>(provider => new InMemoryMessageHistory(
                provider.GetRequiredService<InMemoryChannels>(),
                provider.GetRequiredService<InMemoryLeaseStore>(),
                provider.GetRequiredService<RealtimeOptions>().History,
                provider.GetRequiredService<TimeProvider>()))
            .AddSingleton<ILeaseStore>(provider => provider.GetRequiredService<InMemoryLeaseStore>())
            .AddSingleton<ICommandStore>(provider => new InMemoryCommandStore(
                provider.GetRequiredService<InMemoryLeaseStore>(),
                provider.GetRequiredService<RealtimeOptions>().Commands,
                provider.GetRequiredService<TimeProvider>()))
            .AddSingleton<IRevocationStore, InMemoryRevocationStore>()
            .AddSingleton<ILegacyBus, InMemoryLegacyBus>()
            .AddSingleton(provider => new InMemoryPresenceStore(
                provider.GetRequiredService<TimeProvider>(), provider.GetService<IInstanceStatus>()))
            .AddSingleton<IPresenceStore>(provider => provider.GetRequiredService<InMemoryPresenceStore>())
            .AddSingleton<IPresenceDirectory>(provider => provider.GetRequiredService<InMemoryPresenceStore>());

    private static IServiceCollection AddRedisBus(this IServiceCollection services)
    {
        services.AddSingleton<RedisNames>();
        services.AddSingleton<RedisMetrics>();
        services.AddSingleton<RedisReceiver>();
        services.AddSingleton<RedisSubscriptions>();
        services.AddSingleton<RedisRights>();
        services.AddSingleton<RedisSlotMoves>();
        services.AddSingleton<RedisRightsWatch>();
        services.AddSingleton<RedisProbe>();
        services.AddSingleton<RedisPulse>();
        services.AddSingleton<RedisDoubts>();
        services.AddSingleton<RedisRecovery>();
        services.AddSingleton<RedisHealth>();
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<RedisHealth>());
        services.AddSingleton<UnheardChannels>();
        services.AddSingleton<IMessageBus, RedisMessageBus>();
        services.AddSingleton(provider => new HistoryScripts(
            provider.GetRequiredService<RedisConnection>(),
            provider.GetRequiredService<RedisNames>(),
            provider.GetRequiredService<IOptions<RealtimeOptions>>().Value.History));
        services.AddSingleton<IMessageHistory, RedisMessageHistory>();
        services.AddSingleton(provider => new LeaseScripts(
            provider.GetRequiredService<RedisConnection>(),
            provider.GetRequiredService<RedisNames>(),
            provider.GetRequiredService<IOptions<RealtimeOptions>>().Value.Leases));
        services.AddSingleton<ILeaseStore, RedisLeaseStore>();
        services.AddSingleton(provider => new CommandScripts(
            provider.GetRequiredService<RedisConnection>(),
            provider.GetRequiredService<RedisNames>(),
            provider.GetRequiredService<IOptions<RealtimeOptions>>().Value.Commands));
        services.AddSingleton<RedisInstances>();
        services.AddSingleton<ICommandStore, RedisCommandStore>();
        services.AddSingleton<IRevocationStore, RedisRevocationStore>();
        services.AddSingleton<ILegacyBus, RedisLegacyBus>();
        services.AddSingleton(provider => new RedisPresenceStore(
            provider.GetRequiredService<RedisConnection>().ConnectCommands(),
            provider.GetRequiredService<RedisNames>(),
            provider.GetRequiredService<IOptions<RealtimeOptions>>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<RedisPresenceStore>>(),
            provider.GetService<IPresenceWatcher>(),
            provider.GetRequiredService<RedisConnection>().ReadingConnection,
            provider.GetService<IInstanceStatus>()));
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<RedisPresenceStore>());
        services.AddSingleton<IPresenceDirectory>(provider =>
        {
            var redis = provider.GetRequiredService<RedisConnection>();
            var commands = redis.ConnectCommands();
            return new RedisPresenceDirectory(
                redis.ReadingConnection ?? commands,
                provider.GetRequiredService<RedisNames>(),
                provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<ILogger<RedisPresenceDirectory>>(),
                provider.GetService<IInstanceStatus>());
        });
        return services.AddSingleton<IPresenceStore>(provider => provider.GetRequiredService<RedisPresenceStore>());
    }
}
