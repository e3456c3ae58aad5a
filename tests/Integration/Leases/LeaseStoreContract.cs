using Aether.Application;
using Aether.Application.Ports;
using Aether.Domain;
using Aether.Tests.Integration.Fixtures;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>What every store of leases does, whatever keeps them.</summary>
public abstract partial class LeaseStoreContract : IAsyncLifetime
{
    /// <summary>How many names a group may have here.</summary>
    private const int Most = 10;

    private static readonly VisionId Group = Messages.Id("g");
    private static readonly VisionId Name = Messages.Id("lead");
    private static readonly VisionId A = Messages.Id("a");
    private static readonly VisionId B = Messages.Id("b");
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Short = TimeSpan.FromMilliseconds(300);

    private protected BusHost Host { get; private set; } = null!;

    private protected ILeaseStore Leases => Host.Get<ILeaseStore>();

    protected static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => Host = await StartAsync();

    public virtual ValueTask DisposeAsync() => Host.DisposeAsync();

    [Fact]
    public async Task Get_SaysThatItIsFree_GivenALeaseThatNobodyEverHad()
    {
        var result = await Leases.GetAsync(Group, Name, Token);
        Assert.Equal(new LeaseResult(LeaseStatus.Done, Lease.Free(Name)), result);
    }

    [Fact]
    public async Task Acquire_GivesItToOne_AndTellsTheOthersWhoThatIs()
    {
        var first = await AcquireAsync(A, Long);
        Assert.Equal((LeaseStatus.Done, A, 1L, true), Facts(first));
        Assert.InRange(first.TimeLeft, TimeSpan.FromSeconds(30), Long);
        var second = await AcquireAsync(B, Long);
        Assert.Equal((LeaseStatus.Held, A, 1L, false), Facts(second));
        Assert.InRange(second.TimeLeft, TimeSpan.FromSeconds(1), Long);
        Assert.Equal((LeaseStatus.Done, A, 1L, false), Facts(await Leases.GetAsync(Group, Name, Token)));
    }

    [Fact]
    public async Task Acquire_KeepsTheTermAndGivesMoreTime_GivenItsHolder()
    {
        var first = await AcquireAsync(A, TimeSpan.FromSeconds(30));
        var again = await AcquireAsync(A, Long);
        Assert.Equal((LeaseStatus.Done, A, 1L, false), Facts(again));
        Assert.True(again.Lease!.ExpiresAt >= first.Lease!.ExpiresAt + 30_000);
        Assert.Equal(again.Lease.ExpiresAt, (await AcquireAsync(A, Short)).Lease!.ExpiresAt);
    }

    [Fact]
    public async Task Acquire_GivesItToOne_GivenManyThatTryAtOnce()
    {
        var results = await Task.WhenAll(Enumerable.Range(0, 30).Select(i => Task.Run(
            () => Leases.AcquireAsync(Group, Name, Messages.Id("c" + i), Long, Token).AsTask(), Token)));
        var winner = Assert.Single(results, result => result.Status == LeaseStatus.Done);
        Assert.All(results, result => Assert.Equal((winner.Lease!.Holder, 1L), (result.Lease!.Holder, result.Lease.Term)));
    }

    [Fact]
    public async Task Term_IsOneMore_GivenThatTheLeaseEndedByItself()
    {
        await AcquireAsync(A, Short);
        await Eventually.HoldsAsync(async () => (await Leases.GetAsync(Group, Name, Token)).TimeLeft == TimeSpan.Zero);
        Assert.Equal((LeaseStatus.Done, default, 1L, false), Facts(await Leases.GetAsync(Group, Name, Token)));
        Assert.Equal((LeaseStatus.Done, A, 2L, true), Facts(await AcquireAsync(A, Short)));
        await Eventually.HoldsAsync(async () => (await AcquireAsync(B, Long)).Status == LeaseStatus.Done);
        Assert.Equal((LeaseStatus.Done, B, 3L, false), Facts(await Leases.GetAsync(Group, Name, Token)));
    }

    [Fact]
    public async Task Renew_HoldsItLongerThanItsTime_ForAsLongAsItIsRenewed()
    {
        var ttl = TimeSpan.FromSeconds(30);
        var first = await AcquireAsync(A, ttl);
        long expiresAt = first.Lease!.ExpiresAt;
        await Eventually.HoldsAsync(async () =>
        {
            var renewed = await Leases.RenewAsync(Group, new LeaseClaim(Name, 1), A, Token);
            Assert.Equal((LeaseStatus.Done, A, 1L, false), Facts(renewed));
            Assert.InRange(renewed.TimeLeft, TimeSpan.FromMilliseconds(1), ttl);
            return renewed.Lease!.ExpiresAt > expiresAt + 200;
        });
    }

    [Fact]
    public async Task RenewAndRelease_AreStale_GivenAnotherClientOrTermOrLease()
    {
        await AcquireAsync(A, Long);
        foreach (var (client, claim) in ((VisionId, LeaseClaim)[])
            [(B, new(Name, 1)), (A, new(Name, 2)), (A, new(Name, 0)), (A, new(Messages.Id("other"), 1))])
        {
            Assert.Equal(LeaseStatus.Stale, (await Leases.RenewAsync(Group, claim, client, Token)).Status);
            Assert.Equal(LeaseStatus.Stale, (await Leases.ReleaseAsync(Group, claim, client, Token)).Status);
        }
        Assert.Equal((LeaseStatus.Done, A, 1L, false), Facts(await Leases.GetAsync(Group, Name, Token)));
    }

    [Fact]
    public async Task RenewAndRelease_AreStale_GivenThatItHasEnded()
    {
        await AcquireAsync(A, Short);
        await Eventually.HoldsAsync(async () => (await Leases.GetAsync(Group, Name, Token)).TimeLeft == TimeSpan.Zero);
        Assert.Equal(LeaseStatus.Stale, (await Leases.RenewAsync(Group, new(Name, 1), A, Token)).Status);
        Assert.Equal(LeaseStatus.Stale, (await Leases.ReleaseAsync(Group, new(Name, 1), A, Token)).Status);
    }

    [Fact]
    public async Task Release_FreesItForTheNextTerm()
    {
        await AcquireAsync(A, Long);
        Assert.Equal(
            (LeaseStatus.Done, default, 1L, true), Facts(await Leases.ReleaseAsync(Group, new(Name, 1), A, Token)));
        Assert.Equal((LeaseStatus.Done, B, 2L, true), Facts(await AcquireAsync(B, Long)));
        Assert.Equal(LeaseStatus.Stale, (await Leases.RenewAsync(Group, new(Name, 1), A, Token)).Status);
    }

    [Fact]
    public async Task TakeAway_FreesIt_WhoeverHoldsIt()
    {
        Assert.Equal((LeaseStatus.Done, default, 0L, false), Facts(await Leases.TakeAwayAsync(Group, Name, Token)));
        await AcquireAsync(A, Long);
        Assert.Equal((LeaseStatus.Done, default, 1L, true), Facts(await Leases.TakeAwayAsync(Group, Name, Token)));
        Assert.Equal((LeaseStatus.Done, default, 1L, false), Facts(await Leases.TakeAwayAsync(Group, Name, Token)));
        Assert.Equal((LeaseStatus.Done, A, 2L, true), Facts(await AcquireAsync(A, Long)));
    }

    [Fact]
    public async Task Leases_AreEachTheirOwn_GivenOtherNamesAndGroups()
    {
        await AcquireAsync(A, Long);
        var other = await Leases.AcquireAsync(Group, Messages.Id("LEAD"), B, Long, Token);
        var elsewhere = await Leases.AcquireAsync(Messages.Id("g2"), Name, B, Long, Token);
        Assert.Equal(((LeaseStatus.Done, B, 1L, true), (LeaseStatus.Done, B, 1L, true)), (Facts(other), Facts(elsewhere)));
    }

    [Fact]
    public async Task Acquire_IsRefused_GivenANewNameInAGroupThatHasAsManyAsItMay_HeldOrNot()
    {
        for (int i = 0; i < Most; i++)
        {
            Assert.Equal(LeaseStatus.Done, (await AcquireAsync("n" + i)).Status);
            if (i % 2 == 0)
                await Leases.ReleaseAsync(Group, new(Messages.Id("n" + i), 1), A, Token);
        }
        var refused = await AcquireAsync("new");
        Assert.Equal((LeaseStatus.TooMany, default, 0L, false), Facts(refused));
        Assert.Equal((LeaseStatus.Done, default, 0L, false), Facts(await Leases.GetAsync(Group, Messages.Id("new"), Token)));
        // Names that there are go on, and other groups have names of their own.
        Assert.Equal((LeaseStatus.Done, A, 2L, true), Facts(await AcquireAsync("n0")));
        Assert.Equal((LeaseStatus.Done, A, 1L, false), Facts(await AcquireAsync("n1")));
        Assert.Equal(
            LeaseStatus.Done, (await Leases.AcquireAsync(Messages.Id("g2"), Messages.Id("new"), A, Long, Token)).Status);
    }

    [Fact]
    public async Task Acquire_LetsInAsManyNamesAsMay_GivenMoreThatTryAtOnce()
    {
        var results = await Task.WhenAll(Enumerable.Range(0, 3 * Most).Select(i => Task.Run(
            () => AcquireAsync("n" + i).AsTask(), Token)));
        Assert.Equal(Most, results.Count(static result => result.Status == LeaseStatus.Done));
        Assert.Equal(2 * Most, results.Count(static result => result.Status == LeaseStatus.TooMany));
    }

    private protected abstract Task<BusHost> StartAsync();

    /// <summary>The options that the contract is about.</summary>
    private protected static void Configure(RealtimeOptions options) => options.Leases.MaxPerGroup = Most;

    private ValueTask<LeaseResult> AcquireAsync(string name) =>
        Leases.AcquireAsync(Group, Messages.Id(name), A, Long, Token);

    private ValueTask<LeaseResult> AcquireAsync(VisionId client, TimeSpan ttl) =>
        Leases.AcquireAsync(Group, Name, client, ttl, Token);

    private static (LeaseStatus Status, VisionId Holder, long Term, bool HasNewHolder) Facts(LeaseResult result) =>
        (result.Status, result.Lease!.Holder, result.Lease.Term, result.HasNewHolder);
}
