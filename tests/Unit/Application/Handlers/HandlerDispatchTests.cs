using Aether.Api;
using Aether.Api.WebSockets;
using Aether.Application;
using Aether.Application.Delivery;
using Aether.Application.Handlers;
using Aether.Application.Pipeline;
using Aether.Application.Wire;
using Aether.Domain;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>What handlers of a host cost where there are none, and what a client is not blamed for where there are.</summary>
public sealed class HandlerDispatchTests
{
    [Fact]
    public void Dispatcher_IsNone_GivenAHostWithoutHandlers()
    {
        Assert.Null(HandlerDispatcher.CreateIfAny(Services().BuildServiceProvider()));
        Assert.NotNull(HandlerDispatcher.CreateIfAny(
            Services().AddRealtimeHandler<Holding>().AddSingleton<Gate>().BuildServiceProvider()));
    }

    [Fact]
    public async Task Client_IsNeitherSilentNorIdle_WhileItWaitsForTheHost()
    {
        var time = new FakeTimeProvider();
        var gate = new Gate();
        bool aborted = false;
        var provider = Services().AddRealtimeHandler<Holding>().AddSingleton(gate).AddSingleton<TimeProvider>(time)
            .BuildServiceProvider();
        var clock = new Clock(time);
        var services = new ConnectionServices(
            Substitute.For<IMediator>(),
            new ServerMessages(time),
            new ConnectionLimits(new RealtimeOptions
            {
                IdleTimeout = Duration.FromSeconds(3),
                KeepAlive = new KeepAliveOptions { Interval = Duration.FromSeconds(1), Timeout = Duration.FromSeconds(1) },
            }),
            new Instance(),
            clock,
            time,
            NullLogger<SocketConnection>.Instance,
            HandlerDispatcher.CreateIfAny(provider));
        var connection = new ClientConnection(
            services,
            new Sender(Some.Client, Some.Group, new Access(Permissions.None)),
            new Profile(false, true, Role.None),
            Some.NoGrant,
            new DeliveryLoops(1).Next(),
            () => aborted = true)
        {
            Heard = new RealtimeConnection("1", "g1", "c1", Role.None, Permissions.None, null),
        };

        var telling = connection.TellConnectedAsync();
        await gate.Entered.Task;
        time.Advance(TimeSpan.FromSeconds(9));
        clock.Tick();
        Assert.False(connection.Check(clock.AwakeMs));
        gate.Open.SetResult();
        await telling;
        Assert.False(connection.Check(clock.AwakeMs));
        Assert.Equal((false, (CloseReason?)null), (aborted, connection.Reason));

        // From here on it is.
        time.Advance(TimeSpan.FromSeconds(9));
        clock.Tick();
        connection.Check(clock.AwakeMs);
        Assert.Equal((true, CloseReason.Idle), (aborted, connection.Reason));
    }

    private static IServiceCollection Services() => new ServiceCollection()
        .AddLogging()
        .AddSingleton(new RealtimeOptions())
        .AddAetherHandlers();

    private sealed class Gate
    {
        public TaskCompletionSource Entered { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Open { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private sealed class Holding(Gate gate) : IRealtimeHandler
    {
        public async ValueTask OnConnectedAsync(RealtimeConnection connection, CancellationToken cancellationToken)
        {
            gate.Entered.SetResult();
            await gate.Open.Task;
        }
    }
}
