using System.Collections.Concurrent;
using Aether.Application;
using Aether.Application.Ports;
using Aether.Infrastructure;
using Aether.Infrastructure.Redis.Connections;
using Aether.Infrastructure.Redis.Health;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Aether.Tests.Integration.Fixtures;

/// <summary>One instance's infrastructure as a host runs it, with its log kept.</summary>
internal sealed class BusHost : IAsyncDisposable
{
    private readonly ServiceProvider services;
    private bool disposed;

    private BusHost(ServiceProvider services) => this.services = services;

    public IMessageBus Bus => services.GetRequiredService<IMessageBus>();

    public IMessageHistory History => services.GetRequiredService<IMessageHistory>();

    public RedisConnection Connection => services.GetRequiredService<RedisConnection>();

    public RedisHealth Health => services.GetRequiredService<RedisHealth>();

    public T Get<T>()
        where T : notnull => services.GetRequiredService<T>();

    public IReadOnlyCollection<string> Log => services.GetRequiredService<LogLines>().Lines;

    /// <summary>Starts an instance, and waits for nothing.</summary>
    public static async Task<BusHost> StartAsync(
        string? connectionString,
        Action<RealtimeOptions>? configure = null,
        Action<IServiceCollection>? services = null)
    {
        var collection = new ServiceCollection();
        collection.AddSingleton<LogLines>();
        collection.AddSingleton<ILoggerProvider>(provider => provider.GetRequiredService<LogLines>());
        collection.AddLogging();
        collection.AddSingleton<IInstanceStatus, FixedStatus>();
        collection.AddOptions<RealtimeOptions>().Configure(options => configure?.Invoke(options));
        collection.AddAetherInfrastructure(connectionString);
        services?.Invoke(collection);
        var host = new BusHost(collection.BuildServiceProvider());
        foreach (var service in host.services.GetServices<IHostedService>())
            await service.StartAsync(CancellationToken.None);
        return host;
    }

    /// <summary>Starts an instance and waits until its bus is ready.</summary>
    public static async Task<BusHost> StartReadyAsync(
        string? connectionString,
        Action<RealtimeOptions>? configure = null,
        Action<IServiceCollection>? services = null)
    {
        var host = await StartAsync(connectionString, configure, services);
        await Eventually.HoldsAsync(() => host.Bus.IsReady, state: () => string.Join(" | ", host.Log));
        return host;
    }

    public async ValueTask DisposeAsync()
    {
        if (disposed)
            return;
        disposed = true;
        foreach (var service in services.GetServices<IHostedService>().Reverse())
            await service.StopAsync(CancellationToken.None);
        await services.DisposeAsync();
    }

    private sealed class LogLines : ILoggerProvider, ILogger
    {
        private readonly ConcurrentQueue<string> lines = new();

        public IReadOnlyCollection<string> Lines => lines;

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter) =>
            lines.Enqueue($"{eventId.Name}: {formatter(state, exception)} {exception}");

        public void Dispose()
        {
        }
    }
}
