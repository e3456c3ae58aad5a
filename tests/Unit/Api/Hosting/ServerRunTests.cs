using System.Collections.Concurrent;
using Aether.Api.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Aether.Tests.Unit.Api.Hosting;

/// <summary>A start that fails is one fault, whatever had begun beside it.</summary>
public sealed class ServerRunTests
{
    [Fact]
    public async Task RunAsync_ThrowsWhatTheStartThrew_AndCallsNothingElseAFault()
    {
        using var log = new FaultLog();
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Logging.AddProvider(log);
        builder.Services.AddSingleton<IHostedService, Beside>();
        builder.Services.AddSingleton<IHostedService, Failing>();

        var failure = await Assert.ThrowsAsync<NotSupportedException>(() => ServerRun.RunAsync(builder.Build()));

        Assert.Equal("no start", failure.Message);
        // The host itself says that the start has failed.
        Assert.Equal(["no start"], log.Faults);
    }

    [Fact]
    public async Task RunAsync_EndsWithTheHost()
    {
        var host = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings()).Build();
        var lifetime = host.Services.GetRequiredService<IHostApplicationLifetime>();
        lifetime.ApplicationStarted.Register(lifetime.StopApplication);

        await ServerRun.RunAsync(host).WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);

        Assert.True(lifetime.ApplicationStopped.IsCancellationRequested);
        Assert.Throws<ObjectDisposedException>(() => host.Services.GetRequiredService<IHostApplicationLifetime>());
    }

    // It ends with its token, as one does that the pool had no thread for yet.
    private sealed class Beside : BackgroundService
    {
        protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.Delay(Timeout.Infinite, stoppingToken);
    }

    private sealed class Failing : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => throw new NotSupportedException("no start");

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    private sealed class FaultLog : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Faults { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
                Faults.Enqueue(exception?.Message ?? formatter(state, exception));
        }

        public void Dispose()
        {
        }
    }
}
