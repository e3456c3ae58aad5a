using Aether.Api.WebSockets;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>Which time counts for judging connections by their silence.</summary>
public sealed class ClockTests
{
    private readonly FakeTimeProvider time = new();
    private readonly Clock clock;

    public ClockTests() => clock = new Clock(time);

    [Fact]
    public void Both_GoWithTheTime_GivenATickEachSecond()
    {
        long now = clock.NowMs, awake = clock.AwakeMs;
        TickFor(seconds: 60);
        Assert.Equal(60_000, clock.NowMs - now);
        Assert.Equal(60_000, clock.AwakeMs - awake);
    }

    [Fact]
    public void Neither_IsEver0() => Assert.Equal((1, 1), (clock.NowMs, clock.AwakeMs));

    [Fact]
    public void AwakeMs_GoesOnBetweenTwoTicks()
    {
        clock.Tick();
        long awake = clock.AwakeMs;
        time.Advance(TimeSpan.FromMilliseconds(700));
        Assert.Equal(700, clock.AwakeMs - awake);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(60)]
    [InlineData(3_600)]
    public void AwakeMs_LeavesOutATimeWithoutATick_AndNowMsDoesNot(int seconds)
    {
        TickFor(seconds: 5);
        long now = clock.NowMs, awake = clock.AwakeMs;
        time.Advance(TimeSpan.FromSeconds(seconds));
        Assert.Equal(3_000, clock.AwakeMs - awake);
        clock.Tick();
        Assert.Equal(3_000, clock.AwakeMs - awake);
        Assert.Equal(1_000 * seconds, clock.NowMs - now);
    }

    [Fact]
    public void AwakeMs_GoesWithTheTimeAgain_AfterEachTimeWithoutATick()
    {
        long awake = clock.AwakeMs;
        for (int i = 0; i < 3; i++)
        {
            time.Advance(TimeSpan.FromMinutes(1));
            TickFor(seconds: 10);
        }
        // What was lost comes to 3 s each time, the first second of the ten included.
        Assert.Equal(3 * (3_000 + 9_000), clock.AwakeMs - awake);
    }

    [Fact]
    public void AwakeMs_DoesNotGo_GivenThatTheFirstTickIsLate()
    {
        long accepted = clock.AwakeMs;
        time.Advance(TimeSpan.FromMinutes(5));
        clock.Tick();
        Assert.Equal(3_000, clock.AwakeMs - accepted);
    }

    [Fact]
    public void AwakeMs_NeverGoesBack_GivenAnyPauses()
    {
        long before = clock.AwakeMs;
        foreach (int pause in (int[])[1, 999, 2_999, 3_000, 3_001, 10_000, 1, 0, 50_000, 3_000])
        {
            time.Advance(TimeSpan.FromMilliseconds(pause));
            long unticked = clock.AwakeMs;
            clock.Tick();
            Assert.InRange(unticked, before, before + 3_000);
            Assert.Equal(unticked, clock.AwakeMs);
            before = unticked;
        }
    }

    private void TickFor(int seconds)
    {
        for (int i = 0; i < seconds; i++)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            clock.Tick();
        }
    }
}
