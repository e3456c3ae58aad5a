using Aether.Application;
using Aether.Application.Ports;
using Aether.Infrastructure.InMemory;
using Aether.Infrastructure.Redis;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

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
        if (string.IsNullOrWhiteSpace(redisConnectionString))
            return services.AddInMemoryBus();
        // Now, not when the first service asks for it: a host with a wrong string must not start.
        RedisConnection.Parse(redisConnectionString);
        return services.AddRedisBus(redisConnectionString);
    }

    private static IServiceCollection AddInMemoryBus(this IServiceCollection services) =>
        services
            .AddSingleton<IMessageBus, InMemoryMessageBus>()
            .AddSingleton<ILegacyBus, InMemoryLegacyBus>()
            .AddSingleton<IPresenceStore, InMemoryPresenceStore>();

    private static IServiceCollection AddRedisBus(this IServiceCollection services, string connectionString)
    {
        services.AddSingleton(provider => new RedisConnection(
            connectionString,
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<RedisConnection>>()));
        services.AddSingleton<RedisNames>();
        services.AddSingleton<RedisMetrics>();
        services.AddSingleton<RedisReceiver>();
        services.AddSingleton<RedisSubscriptions>();
        services.AddSingleton<RedisHealth>();
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<RedisHealth>());
        services.AddSingleton<IMessageBus, RedisMessageBus>();
        services.AddSingleton<ILegacyBus, RedisLegacyBus>();
        services.AddSingleton(provider => new RedisPresenceStore(
            provider.GetRequiredService<RedisConnection>().ConnectCommands(),
            provider.GetRequiredService<RedisNames>(),
            provider.GetRequiredService<IOptions<RealtimeOptions>>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<RedisPresenceStore>>(),
            provider.GetService<IPresenceWatcher>()));
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<RedisPresenceStore>());
        return services.AddSingleton<IPresenceStore>(provider => provider.GetRequiredService<RedisPresenceStore>());
    }
}
