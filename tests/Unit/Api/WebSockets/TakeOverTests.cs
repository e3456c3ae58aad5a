using System.Collections.Concurrent;
using Aether.Api;
using Aether.Api.WebSockets;
using Aether.Application;
using Aether.Application.Pipeline;
using Aether.Application.Presence;
using Aether.Application.Wire;
using Aether.Domain;
using MediatR;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>That the newest connection of a client stays alone, given orders that are refused or lost.</summary>
public sealed class TakeOverTests : IDisposable
{
    private readonly FakeTimeProvider time = new();
    private readonly KeepingHub keeping = new(new FakeHistory());
    private readonly ServerMessages messages = new(TimeProvider.System);
    private readonly ConnectionServices services;
    private readonly ConcurrentQueue<string?> ordered = new();
    private Func<bool> isRefused = () => false;
    private Func<bool> isHeard = () => true;

    public TakeOverTests()
    {
        var mediator = Substitute.For<IMediator>();
        mediator.Send(Arg.Any<IRequest<Outcome>>(), Arg.Any<CancellationToken>())
            .Returns(call => Task.FromResult(Order((Disconnect)call[0])));
        services = new ConnectionServices(
            mediator,
            messages,
            new ConnectionLimits(new RealtimeOptions()),
            new Instance(),
            new Clock(TimeProvider.System),
            time,
            NullLogger<SocketConnection>.Instance);
    }

    public void Dispose() => keeping.Dispose();

    [Fact]
    public async Task Order_IsGivenAgain_GivenABackplaneThatRefusesIt()
    {
        var first = await ConnectAsync();
        isRefused = () => ordered.Count <= 3;
        var second = await ConnectAsync();
        Assert.Null(first.Reason);
        await ComesAsync(() => first.Reason is not null);
        Assert.Same(CloseReason.Superseded, first.Reason);
        await AssertStaysAsync(second);
    }

    [Fact]
    public async Task OnlyTheNewest_Stays_GivenThatTheOrderBeforeItWasRefused()
    {
        var first = await ConnectAsync();
        isRefused = () => true;
        var second = await ConnectAsync();
        isRefused = () => false;
        var third = await ConnectAsync();
        await ComesAsync(() => first.Reason is not null && second.Reason is not null);
        Assert.Same(CloseReason.Superseded, first.Reason);
        Assert.Same(CloseReason.Superseded, second.Reason);
        await AssertStaysAsync(third);
        Assert.Equal(3, ordered.Count);
    }

    [Fact]
    public async Task OnlyTheNewest_Stays_GivenThatTheOrderBeforeItWasLost()
    {
        var first = await ConnectAsync();
        isHeard = () => false;
        var second = await ConnectAsync();
        await ComesAsync(() => second.HasTakenOver);
        isHeard = () => true;
        var third = await ConnectAsync();
        await ComesAsync(() => first.Reason is not null && second.Reason is not null);
        await AssertStaysAsync(third);
    }

    [Fact]
    public async Task Order_IsNotGivenAgain_GivenThatTheConnectionHasLeft()
    {
        isRefused = () => true;
        var left = await ConnectAsync();
        var stays = await ConnectAsync();
        left.EndTies();
        int before = ordered.Count;
        await ComesAsync(() => ordered.Count >= before + 3);
        isRefused = () => false;
        await ComesAsync(() => stays.HasTakenOver);
        Assert.Null(stays.Reason);
        Assert.DoesNotContain(left.Id, ordered.Skip(before));
    }

    private Outcome Order(Disconnect order)
    {
        ordered.Enqueue(order.SupersededBy);
        if (isRefused())
            return Outcome.Rejected(Rejection.NotPresent);
        if (isHeard())
            keeping.Hub.TryReceive(
                ChannelName.Client(order.ClientId),
                messages.Disconnect(order.ClientId, order.GroupId, order.SupersededBy));
        return Outcome.Published(1);
    }

    private async Task<ClientConnection> ConnectAsync()
    {
        var sender = new Sender(Some.Client, Some.Group, new Access(Permissions.None));
        var connection = new ClientConnection(
            services, sender, new Profile(false, true, Role.None), Some.NoGrant, keeping.Loops.Next(), () => { });
        Assert.True(await keeping.Hub.AttachAsync(connection, TestContext.Current.CancellationToken));
        await TakeOver.BeginAsync(services, connection);
        await LoopIsThroughAsync();
        return connection;
    }

    private Task ComesAsync(Func<bool> condition) => Eventually.HoldsAsync(
        () =>
        {
            time.Advance(TimeSpan.FromMilliseconds(500));
            return condition();
        },
        "it comes");

    private async Task AssertStaysAsync(ClientConnection connection)
    {
        time.Advance(TakeOver.Pause + TakeOver.Lost);
        await LoopIsThroughAsync();
        Assert.Null(connection.Reason);
    }

    private async Task LoopIsThroughAsync()
    {
        var ran = new TaskCompletionSource();
        await keeping.Loops.All[0].RunAfterAsync(ran.SetResult);
        await ran.Task;
    }
}
