using Aether.Application;
using Aether.Application.Commands;
using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Domain;
using Aether.Domain.Commands;
using Aether.Infrastructure.InMemory;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Aether.Tests.Unit.Commands;

/// <summary>What is decided is done, and again for as long as the bus does not take it.</summary>
public sealed class PublishingAgainTests : IDisposable
{
    private static readonly VisionId Member = VisionId.Parse("m");
    private readonly FakeTimeProvider time = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly List<string> published = [];
    private readonly InMemoryCommandStore store;
    private readonly CommandWatches watches;
    private readonly CommandRunner runner;
    private bool isRefused;

    public PublishingAgainTests()
    {
        store = new InMemoryCommandStore(new InMemoryLeaseStore(time), new CommandOptions(), time);
        watches = new CommandWatches(store, time);
        var bus = new FakeBus((message, _) =>
        {
            published.Add(message.Cmd!);
            return new(isRefused ? PublishResult.Unavailable : PublishResult.To(1));
        });
        runner = new CommandRunner(store, bus, new ServerMessages(time), watches, time);
    }

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public void Dispose() => watches.Dispose();

    [Theory]
    [InlineData(false, "go")]
    [InlineData(true, "execution.cancel")]
    public async Task WhatTheBusDidNotTake_IsPublishedAgain_UntilItDoes(bool isCalledOff, string cmd)
    {
        isRefused = !isCalledOff;
        var start = await store.StartAsync(Order(), [Member], Cancelled);
        runner.Run(start.Command!, start.Effects);
        if (isCalledOff)
        {
            published.Clear();
            isRefused = true;
            await runner.ApplyAsync(Some.Group, "c1", new CancelAsked(), Cancelled);
        }
        Assert.Equal([cmd], published);
        await PassTimeAsync();
        isRefused = false;
        await PassTimeAsync();
        Assert.Equal([cmd, cmd, cmd], published);
        await PassTimeAsync();
        Assert.Equal([cmd, cmd, cmd], published);
    }

    private static CommandOrder Order() => new()
    {
        Id = "c1",
        GroupId = Some.Group,
        FromId = Some.Client,
        Cmd = "go",
        Payload = "{}"u8.ToArray(),
        Plan = new CommandPlan(),
    };

    private async Task PassTimeAsync()
    {
        time.Advance(TimeSpan.FromMilliseconds(Command.SendAgainMs));
        await runner.PassTimeAsync(10);
    }
}
