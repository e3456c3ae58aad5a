using Aether.Api.WebSockets;
using CsCheck;
using Xunit;

namespace Aether.Tests.Unit;

public sealed class TokenBucketTests
{
    [Fact]
    public void TryTake_GivesTheBurstAndThenNothing()
    {
        var bucket = new TokenBucket(burst: 3, nowMs: 100);
        Assert.Equal([true, true, true, false, false], Enumerable.Range(0, 5).Select(_ => bucket.TryTake(10, 3, 100)));
        Assert.Equal(100, bucket.MsToNext(10));
    }

    [Fact]
    public void TryTake_GivesOneAgain_GivenTheTimeThatWasTold()
    {
        var bucket = new TokenBucket(burst: 1, nowMs: 1);
        Assert.True(bucket.TryTake(3, 1, 1));
        Assert.False(bucket.TryTake(3, 1, 1));
        long wait = bucket.MsToNext(3);
        Assert.Equal(334, wait);
        Assert.False(bucket.TryTake(3, 1, 1 + wait - 1));
        Assert.True(bucket.TryTake(3, 1, 1 + wait));
    }

    [Fact]
    public void TryTake_NeverHoldsMoreThanTheBurst_GivenALongPause()
    {
        var bucket = new TokenBucket(burst: 2, nowMs: 1);
        Assert.Equal([true, true, false], Enumerable.Range(0, 3).Select(_ => bucket.TryTake(1_000, 2, 86_400_000)));
    }

    [Fact]
    public void Owe_IsPaidBackBeforeAnythingIsGiven_ButNeverMoreThanABucket()
    {
        var bucket = new TokenBucket(10, 0);
        bucket.Owe(12, 10);
        Assert.False(bucket.TryTake(1_000, 10, 2));
        Assert.Equal(1, bucket.MsToNext(1_000));
        Assert.True(bucket.TryTake(1_000, 10, 3));

        bucket.Owe(1_000_000, 10);
        Assert.False(bucket.TryTake(1_000, 10, 13));
        Assert.True(bucket.TryTake(1_000, 10, 14));
    }

    [Fact]
    public void TryTake_NeverGivesMoreThanBurstAndRate_GivenAnyTimes() =>
        Gen.Select(Gen.Int[1, 50], Gen.Int[1, 2_000], Gen.Int[0, 300].Array[1, 300]).Sample((burst, rate, pauses) =>
        {
            long now = 1;
            var bucket = new TokenBucket(burst, now);
            int taken = 0;
            foreach (int pause in pauses)
            {
                now += pause;
                while (bucket.TryTake(rate, burst, now))
                    taken++;
            }
            // A bucket that is emptied at every step has given exactly what came in, but for what overflowed.
            Assert.InRange(taken, burst, burst + ((now - 1) * rate / 1_000.0) + 1e-3);
        });
}
