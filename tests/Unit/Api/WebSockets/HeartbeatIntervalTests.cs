using Aether.Api.WebSockets;
using Aether.Application;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>A client that does as the welcome tells it is not cut for being idle.</summary>
public sealed class HeartbeatIntervalTests
{
    [Theory]
    [InlineData(0, 30_000)]
    [InlineData(1, 500)]
    [InlineData(2, 1_000)]
    [InlineData(20, 10_000)]
    [InlineData(45, 22_500)]
    [InlineData(60, 30_000)]
    [InlineData(604_800, 30_000)]
    public void HeartbeatInterval_IsHalfOfTheIdleTimeout_AndNeverMoreThanThirtySeconds(int idleSeconds, int expectedMs)
    {
        var limits = new ConnectionLimits(new RealtimeOptions { IdleTimeout = Duration.FromSeconds(idleSeconds) });
        Assert.Equal(expectedMs, limits.HeartbeatInterval.TotalMilliseconds);
    }
}
