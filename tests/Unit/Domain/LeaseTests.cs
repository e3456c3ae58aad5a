using Aether.Domain;
using CsCheck;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>Who holds a lease, in which term, until when.</summary>
public sealed class LeaseTests
{
    private static readonly VisionId Name = VisionId.Parse("lead");
    private static readonly VisionId A = VisionId.Parse("a");
    private static readonly VisionId B = VisionId.Parse("b");
    private static readonly TimeSpan Ttl = TimeSpan.FromSeconds(10);

    [Fact]
    public void Acquire_BeginsTheFirstTerm_GivenALeaseThatNobodyEverHad()
    {
        var step = Lease.Free(Name).Acquire(A, Ttl, 1_000);
        Assert.Equal(new LeaseStep(LeaseVerdict.Done, new Lease(Name, A, 1, 10_000, 11_000), true), step);
    }

    [Fact]
    public void Acquire_KeepsTheTerm_GivenItsHolder()
    {
        var again = Held().Acquire(A, TimeSpan.FromSeconds(20), 5_000);
        Assert.Equal((LeaseVerdict.Done, 1L, 25_000L, false), (again.Verdict, again.Lease.Term, again.Lease.ExpiresAt, again.HasNewHolder));
    }

    [Fact]
    public void Acquire_TakesNoTimeFromItsHolder_GivenLess() =>
        Assert.Equal(10_000, Held().Acquire(A, TimeSpan.FromSeconds(1), 1_000).Lease.ExpiresAt);

    [Fact]
    public void Acquire_IsRefused_GivenAnotherClient_UntilTheMomentItEnds()
    {
        var early = Held().Acquire(B, Ttl, 9_999);
        Assert.Equal((LeaseVerdict.Held, A), (early.Verdict, early.Lease.Holder));
        var then = Held().Acquire(B, Ttl, 10_000);
        Assert.Equal((LeaseVerdict.Done, B, 2L, true), (then.Verdict, then.Lease.Holder, then.Lease.Term, then.HasNewHolder));
    }

    [Fact]
    public void Acquire_BeginsANewTerm_GivenTheSameClientAfterItsEnd() =>
        Assert.Equal(2, Held().Acquire(A, Ttl, 10_000).Lease.Term);

    [Fact]
    public void Renew_GivesAsMuchTimeAsWasAskedFor() =>
        Assert.Equal((LeaseVerdict.Done, 15_000L), On(Held().Renew(A, 1, 5_000)));

    [Fact]
    public void Renew_IsStale_GivenAnotherClientOrTermOrThatItHasEnded()
    {
        Assert.Equal((LeaseVerdict.Stale, 10_000L), On(Held().Renew(B, 1, 5_000)));
        Assert.Equal((LeaseVerdict.Stale, 10_000L), On(Held().Renew(A, 2, 5_000)));
        Assert.Equal((LeaseVerdict.Stale, 10_000L), On(Held().Renew(A, 0, 5_000)));
        Assert.Equal((LeaseVerdict.Stale, 10_000L), On(Held().Renew(A, 1, 10_000)));
    }

    [Fact]
    public void Release_FreesIt_AndTheNextTermIsOneMore()
    {
        var free = Held().Release(A, 1, 5_000);
        Assert.Equal((LeaseVerdict.Done, true, true), (free.Verdict, free.Lease.Holder.IsEmpty, free.HasNewHolder));
        Assert.False(free.Lease.IsHeld(5_000));
        Assert.Equal(2, free.Lease.Acquire(A, Ttl, 5_000).Lease.Term);
        Assert.Equal(LeaseVerdict.Stale, free.Lease.Release(A, 1, 5_000).Verdict);
    }

    [Fact]
    public void Release_IsStale_GivenAnotherClientOrTermOrThatItHasEnded()
    {
        Assert.Equal(LeaseVerdict.Stale, Held().Release(B, 1, 5_000).Verdict);
        Assert.Equal(LeaseVerdict.Stale, Held().Release(A, 2, 5_000).Verdict);
        Assert.Equal(LeaseVerdict.Stale, Held().Release(A, 1, 10_000).Verdict);
    }

    [Fact]
    public void TakeAway_FreesIt_WhoeverHoldsIt_AndIsNoChangeGivenNobody()
    {
        var taken = Held().TakeAway(5_000);
        Assert.True(taken.HasNewHolder && !taken.Lease.IsHeld(5_000));
        Assert.False(taken.Lease.TakeAway(5_000).HasNewHolder);
        Assert.False(Held().TakeAway(10_000).HasNewHolder);
        Assert.Equal(1, taken.Lease.Term);
    }

    [Fact]
    public void End_IsNotedOnce_AndNotBefore()
    {
        Assert.Equal(new LeaseStep(LeaseVerdict.Done, Held()), Held().End(9_999));
        var ended = Held().End(10_000);
        Assert.Equal((true, true, 1L), (ended.HasNewHolder, ended.Lease.Holder.IsEmpty, ended.Lease.Term));
        Assert.False(ended.Lease.End(10_000).HasNewHolder);
        Assert.False(Lease.Free(Name).End(10_000).HasNewHolder);
        Assert.Equal(2, ended.Lease.Acquire(B, Ttl, 10_000).Lease.Term);
    }

    [Fact]
    public void Term_IsOneMoreWithEachHolderAndNeverHasTwo_GivenAnyOrder() => Gen.Select(
        Gen.Int[0, 5], Gen.Bool, Gen.Int[0, 3], Gen.Long[0, 6_000]).Array[1, 60].Sample(steps =>
        {
            var lease = Lease.Free(Name);
            long now = 0;
            var holders = new Dictionary<long, VisionId>();
            foreach (var (what, isA, back, wait) in steps)
            {
                now += wait;
                var (client, term) = (isA ? A : B, Math.Max(0, lease.Term - back));
                var before = lease;
                var step = what switch
                {
                    0 or 1 => lease.Acquire(client, TimeSpan.FromSeconds(5), now),
                    2 => lease.Renew(client, term, now),
                    3 => lease.Release(client, term, now),
                    4 => lease.End(now),
                    _ => lease.TakeAway(now),
                };
                lease = step.Lease;
                bool isNew = lease.IsHeld(now) && (!before.IsHeld(now) || before.Holder != lease.Holder);
                Assert.Equal(before.Term + (isNew ? 1 : 0), lease.Term);
                bool isOver = !before.Holder.IsEmpty && lease.Holder.IsEmpty;
                Assert.Equal(isNew || isOver, step.HasNewHolder);
                Assert.True(what == 4 || !isOver || before.IsHeld(now));
                if (before.IsHeld(now) && lease.IsHeld(now))
                    Assert.True(before.Holder == lease.Holder && before.ExpiresAt <= lease.ExpiresAt);
                if (step.Verdict != LeaseVerdict.Done)
                    Assert.Equal(before, lease);
                if (lease.IsHeld(now))
                    Assert.Equal(lease.Holder, holders.GetOrAdd(lease.Term, lease.Holder));
            }
        }, iter: 2_000);

    private static Lease Held() => Lease.Free(Name).Acquire(A, Ttl, 0).Lease;

    private static (LeaseVerdict Verdict, long ExpiresAt) On(LeaseStep step) => (step.Verdict, step.Lease.ExpiresAt);
}

file static class Dictionaries
{
    public static TValue GetOrAdd<TKey, TValue>(this Dictionary<TKey, TValue> map, TKey key, TValue value)
        where TKey : notnull => map.TryAdd(key, value) ? value : map[key];
}
