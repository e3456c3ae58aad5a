using System.Collections.Concurrent;
using Aether.Application;
using Aether.Application.Handlers;
using Aether.Domain;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Aether.Tests.Integration.Fixtures;

/// <summary>What a test lets a handler do, and what the handler heard.</summary>
internal sealed class HandlerProbe : ILoggerProvider, ILogger
{
    /// <summary>Each call, in a word or two, as it began.</summary>
    public ConcurrentQueue<string> Heard { get; } = new();

    /// <summary>The connections that were told of, as the calls had them.</summary>
    public ConcurrentQueue<RealtimeConnection> Connections { get; } = new();

    /// <summary>The scopes of the calls, and whether each has ended.</summary>
    public ConcurrentQueue<ScopedService> Scopes { get; } = new();

    public ConcurrentQueue<string> Logged { get; } = new();

    public Func<RealtimeConnection, CancellationToken, ValueTask<Refusal?>> Connecting { get; set; } = (_, _) => default;

    public Func<RealtimeConnection, ValueTask> Connected { get; set; } = _ => default;

    public Func<ReceivedMessage, CancellationToken, ValueTask<MessageResult>> Message { get; set; } =
        (_, _) => new(MessageResult.Continue);

    /// <summary>Starts a host that has this as its handler, and whose container checks scopes.</summary>
    public Task<EmbeddingApp> StartAsync(
        Action<RealtimeOptions>? options = null, Action<WebApplicationBuilder>? services = null) => EmbeddingApp.StartAsync(
        builder =>
        {
            builder.Host.UseDefaultServiceProvider(provider => provider.ValidateScopes = provider.ValidateOnBuild = true);
            builder.Logging.AddProvider(this);
            builder.Services.AddSingleton(this).AddScoped<ScopedService>().AddRealtimeHandler<ProbeHandler>();
            services?.Invoke(builder);
        },
        options: options);

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel,
        EventId eventId,
        TState state,
        Exception? exception,
        Func<TState, Exception?, string> formatter) => Logged.Enqueue(formatter(state, exception) + exception);

    public void Dispose()
    {
    }
}

/// <summary>Something that a container makes once for each scope, and disposes of with it.</summary>
internal sealed class ScopedService : IAsyncDisposable
{
    public bool IsDisposed { get; private set; }

    public ValueTask DisposeAsync()
    {
        IsDisposed = true;
        return default;
    }
}

/// <summary>Does what the test says.</summary>
internal sealed class ProbeHandler(HandlerProbe probe, ScopedService scope) : IRealtimeHandler
{
    public ValueTask<Refusal?> OnConnectingAsync(RealtimeConnection connection, CancellationToken cancellationToken)
    {
        Note("connecting " + connection.ClientId, connection);
        return probe.Connecting(connection, cancellationToken);
    }

    public ValueTask OnConnectedAsync(RealtimeConnection connection, CancellationToken cancellationToken)
    {
        Note("connected " + connection.ClientId, connection);
        return probe.Connected(connection);
    }

    public ValueTask<MessageResult> OnMessageAsync(
        RealtimeConnection connection, ReceivedMessage message, CancellationToken cancellationToken)
    {
        Note(connection.ClientId + " says " + (message.Cmd ?? message.Msg), connection);
        return probe.Message(message, cancellationToken);
    }

    public ValueTask OnDisconnectedAsync(
        RealtimeConnection connection, CloseReason reason, CancellationToken cancellationToken)
    {
        Note($"disconnected {connection.ClientId} {reason.Code}", connection);
        return default;
    }

    private void Note(string call, RealtimeConnection connection)
    {
        probe.Connections.Enqueue(connection);
        probe.Scopes.Enqueue(scope);
        probe.Heard.Enqueue(call);
    }
}
