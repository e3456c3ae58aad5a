using Aether.Application;
using Aether.Application.Leases;
using Aether.Application.Ports;
using Aether.Domain;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>What the answers of a store of leases mean for whoever asked.</summary>
public sealed class LeaseHandlerTests : IDisposable
{
    private static readonly VisionId Name = VisionId.Parse("lead");
    private static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    private readonly ILeaseStore leases = Substitute.For<ILeaseStore>();
    private readonly ServiceProvider provider;

    public LeaseHandlerTests() => provider = new ServiceCollection()
        .AddSingleton<TimeProvider>(new FakeTimeProvider(Now))
        .AddSingleton(Substitute.For<IMessageBus>())
        .AddSingleton(leases).AddAetherApplication().BuildServiceProvider();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static LeaseResult Held => new(
        LeaseStatus.Done, new Lease(Name, Some.Client, 3, 10_000, 77_000), TimeLeft: TimeSpan.FromSeconds(7));

    public void Dispose() => provider.Dispose();

    [Fact]
    public async Task Answer_HasTheTimeOfThisServer_WhateverTheStoresClockSays()
    {
        leases.AcquireAsync(Some.Group, Name, Some.Client, TimeSpan.FromSeconds(10), Cancellation).Returns(Held);
        leases.RenewAsync(Some.Group, new(Name, 3), Some.Client, Cancellation).Returns(Held);
        leases.ReleaseAsync(Some.Group, new(Name, 3), Some.Client, Cancellation)
            .Returns(new LeaseResult(LeaseStatus.Done, Lease.Free(Name) with { Term = 3 }));
        leases.GetAsync(Some.Group, Name, Cancellation).Returns(Held);
        leases.TakeAwayAsync(Some.Group, Name, Cancellation)
            .Returns(new LeaseResult(LeaseStatus.Done, Lease.Free(Name) with { Term = 3 }));
        var held = new LeaseInfo(Name, Some.Client, 3, Now.UtcDateTime.AddSeconds(7));
        var free = new LeaseInfo(Name, null, 3, null);

        Assert.Equal(held, (await SendAsync(new AcquireLease(Some.Group, Name, Some.Client, 10_000))).Value);
        Assert.Equal(held, (await SendAsync(new RenewLease(Some.Group, Name, Some.Client, 3))).Value);
        Assert.Equal(free, (await SendAsync(new ReleaseLease(Some.Group, Name, Some.Client, 3))).Value);
        Assert.Equal(held, (await SendAsync(new ReadLease(Some.Group, Name))).Value);
        Assert.Equal(free, (await SendAsync(new TakeLease(Some.Group, Name))).Value);
    }

    [Fact]
    public async Task Acquire_IsRefused_NamingWhoHoldsIt_AndForHowLong()
    {
        AnswerAcquire(Held with { Status = LeaseStatus.Held });
        var rejection = (await SendAsync(new AcquireLease(Some.Group, Name, Some.OtherClient, 10_000))).Rejection!;
        Assert.Equal(
            (ErrorCode.LeaseHeld, Some.Client, TimeSpan.FromSeconds(7)),
            (rejection.Code, rejection.Holder, rejection.RetryAfter));
    }

    [Theory]
    [InlineData(LeaseStatus.Stale, "stale_term", "hold")]
    [InlineData(LeaseStatus.TooMany, "too_many_leases", "names")]
    [InlineData(LeaseStatus.Unavailable, "backplane_unavailable", "full")]
    [InlineData(LeaseStatus.Unknown, "backplane_unavailable", "may have been done")]
    public async Task Request_IsRefused_GivenWhatTheStoreSays(object status, string code, string text)
    {
        var result = new LeaseResult(
            (LeaseStatus)status, Lease.Free(Name), Fault: BackplaneFault.Full);
        AnswerAcquire(result);
        leases.RenewAsync(default, default, default, Cancellation).ReturnsForAnyArgs(result);
        leases.ReleaseAsync(default, default, default, Cancellation).ReturnsForAnyArgs(result);
        foreach (var request in (IRequest<Answer<LeaseInfo>>[])
            [
                new AcquireLease(Some.Group, Name, Some.Client, 1_000),
                new RenewLease(Some.Group, Name, Some.Client, 3),
                new ReleaseLease(Some.Group, Name, Some.Client, 3),
            ])
        {
            var rejection = (await SendAsync(request)).Rejection!;
            Assert.Equal(code, rejection.Code.Name);
            Assert.Contains(text, rejection.Text, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(999, false)]
    [InlineData(1_000, true)]
    [InlineData(60_000, true)]
    [InlineData(60_001, false)]
    public async Task Acquire_TakesATimeWithinItsBounds(int ttlMs, bool taken)
    {
        AnswerAcquire(Held);
        var answer = await SendAsync(new AcquireLease(Some.Group, Name, Some.Client, ttlMs));
        Assert.Equal(taken ? null : "ttl_ms", answer.Rejection?.Field);
    }

    private void AnswerAcquire(LeaseResult result) =>
        leases.AcquireAsync(default, default, default, default, Cancellation).ReturnsForAnyArgs(result);

    private Task<Answer<LeaseInfo>> SendAsync(IRequest<Answer<LeaseInfo>> request) =>
        provider.GetRequiredService<IMediator>().Send(request, Cancellation);
}
