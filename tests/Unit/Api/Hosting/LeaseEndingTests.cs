using System.Collections.Concurrent;
using Aether.Api.Hosting;
using Aether.Application.Ports;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>When an instance looks for leases that have ended.</summary>
public sealed class LeaseEndingTests : IAsyncDisposable
{
    private readonly WatchedTime time = new();
    private readonly ILeaseStore leases = Substitute.For<ILeaseStore>();
    private readonly LeaseEnding ending;
    private readonly ConcurrentQueue<Exception> faults = new();
    private LeaseEnds ends;
    private int looks;

    public LeaseEndingTests()
    {
#pragma warning disable CA2012 // It is called to say what it returns.
        leases.EndAsync(default, default).ReturnsForAnyArgs(_ =>
        {
            Interlocked.Increment(ref looks);
            return faults.TryDequeue(out var fault) ? throw fault : new ValueTask<LeaseEnds>(ends);
        });
#pragma warning restore CA2012
        ending = new LeaseEnding(leases, time, NullLogger<LeaseEnding>.Instance);
    }

    public async ValueTask DisposeAsync()
    {
        await ending.StopAsync(CancellationToken.None);
        ending.Dispose();
    }

    [Fact]
    public async Task Looks_OnceInASecond_GivenNoLease()
    {
        await ending.StartAsync(TestContext.Current.CancellationToken);
        await LooksAsync(1);
        await PassesAsync(999, 1);
        await PassesAsync(1, 2);
        await PassesAsync(1_000, 3);
    }

    [Theory]
    [InlineData(300, 300)]
    [InlineData(0, 50)]
    [InlineData(60_000, 1_000)]
    public async Task Looks_WhenTheNextOneMayEnd_NeitherAllTheTimeNorLaterThanANewOneCould(int next, int wait)
    {
        ends = new LeaseEnds(1, TimeSpan.FromMilliseconds(next));
        await ending.StartAsync(TestContext.Current.CancellationToken);
        await LooksAsync(1);
        await PassesAsync(wait - 1, 1);
        await PassesAsync(1, 2);
    }

    [Fact]
    public async Task Looks_Again_GivenAStoreThatFails_AndNotAllTheTime()
    {
        faults.Enqueue(new InvalidCastException("somebody else wrote it"));
        faults.Enqueue(new OperationCanceledException("not by the host"));
        await ending.StartAsync(TestContext.Current.CancellationToken);
        await LooksAsync(1);
        await PassesAsync(999, 1);
        await PassesAsync(1, 2);
        await PassesAsync(1_000, 3);
        Assert.False(ending.ExecuteTask!.IsCompleted);
    }

    private async Task PassesAsync(int milliseconds, int expected)
    {
        // The wait begins a moment after the look.
        await Eventually.HoldsAsync(() => time.Waits == Volatile.Read(ref looks), "it waits");
        time.Advance(TimeSpan.FromMilliseconds(milliseconds));
        await LooksAsync(expected);
    }

    private Task LooksAsync(int expected) => Eventually.HoldsAsync(() => Volatile.Read(ref looks) == expected, "it has looked");

    /// <summary>A clock that knows how often somebody has begun to wait.</summary>
    private sealed class WatchedTime : FakeTimeProvider
    {
        private int waits;

        public int Waits => Volatile.Read(ref waits);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = base.CreateTimer(callback, state, dueTime, period);
            Interlocked.Increment(ref waits);
            return timer;
        }
    }
}
