using Aether.Application;
using Aether.Application.Tokens;
using Aether.Domain;
using Aether.Domain.Tokens;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>What an instance knows of what was revoked, and how often it asks for it.</summary>
public sealed class RevocationsTests
{
    private static readonly Token Good = Tokens.Of(Some.Client, "good", Tokens.Issued);

    private readonly FakeTimeProvider time = new();
    private readonly FakeRevocationStore store = new();
    private readonly TokenOptions options = new()
    {
        MaxLifetime = Duration.FromSeconds(3_600),
        ClockSkew = Duration.FromSeconds(30),
    };

    private readonly Revocations revocations;
    private int changes;

    public RevocationsTests()
    {
        revocations = new Revocations(store, time, () => options);
        revocations.Changed += () => changes++;
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Ask_ReadsWhatOthersRevoked_PageByPage()
    {
        for (int i = 0; i < 5; i++)
            store.Add(Revocation.Of("t" + i));

        Assert.False(revocations.IsKnown(Tokens.Of(Some.Client, "t4")));
        Assert.True(await revocations.AskAsync(Tokens.Of(Some.Client, "t4"), Cancellation));
        Assert.False(await revocations.AskAsync(Good, Cancellation));
        Assert.All(Enumerable.Range(0, 5), i => Assert.True(revocations.IsKnown(Tokens.Of(Some.Client, "t" + i))));
        // Once for all that came with a read, and for none in which nothing came.
        Assert.Equal(1, changes);
    }

    [Fact]
    public async Task Ask_ReadsNothing_GivenWhatIsKnown()
    {
        store.Add(Revocation.Of("t1"));
        await revocations.ReadAsync(Cancellation);
        int reads = store.Reads;

        Assert.True(await revocations.AskAsync(Tokens.Of(Some.Client, "t1"), Cancellation));
        Assert.Equal(reads, store.Reads);
    }

    [Fact]
    public async Task Ask_SaysThatItDoesNotKnow_GivenAStoreThatIsAway()
    {
        store.Add(Revocation.Of("t1"));
        await revocations.ReadAsync(Cancellation);
        store.IsAway = true;

        Assert.Null(await revocations.AskAsync(Good, Cancellation));
        Assert.False(await revocations.ReadAsync(Cancellation));
        Assert.True(await revocations.AskAsync(Tokens.Of(Some.Client, "t1"), Cancellation));
        store.IsAway = false;
        Assert.False(await revocations.AskAsync(Good, Cancellation));
    }

    [Fact]
    public async Task Ask_CostsTwoReads_GivenThatTenThousandAskAtOnce()
    {
        store.Gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var first = revocations.AskAsync(Good, Cancellation).AsTask();
        var others = Enumerable.Range(0, 10_000).Select(_ => revocations.AskAsync(Good, Cancellation).AsTask()).ToArray();
        Assert.Equal(1, store.Reads);
        store.Gate.SetResult();

        Assert.False(await first);
        Assert.All(await Task.WhenAll(others), isRevoked => Assert.False(isRevoked));
        Assert.Equal(2, store.Reads);
    }

    [Fact]
    public async Task Ask_GetsAReadThatBeganAfterIt()
    {
        var gate = store.Gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var early = revocations.AskAsync(Good, Cancellation).AsTask();
        // Acknowledged while a read is under way that looked before.
        store.Add(Revocation.Of("good"));
        var late = revocations.AskAsync(Good, Cancellation).AsTask();
        gate.SetResult();

        Assert.True(await late);
        await early;
    }

    [Fact]
    public async Task Ask_IsAnsweredToTheOthers_GivenOneThatGaveUp()
    {
        store.Gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var mine = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var first = revocations.AskAsync(Good, mine.Token).AsTask();
        var second = revocations.AskAsync(Good, mine.Token).AsTask();
        var other = revocations.AskAsync(Good, Cancellation).AsTask();
        await mine.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        store.Gate.SetResult();
        Assert.False(await other);
    }

    [Fact]
    public async Task Revoke_IsKnownHereAtOnce_AndToldOnce()
    {
        Assert.Null(await revocations.RevokeAsync(Revocation.Of("good"), Cancellation));
        Assert.True(revocations.IsKnown(Good));
        Assert.Equal((1, 0), (changes, store.Reads));
        await revocations.ReadAsync(Cancellation);
        Assert.Null(await revocations.RevokeAsync(Revocation.Of("good"), Cancellation));
        await revocations.ReadAsync(Cancellation);
        Assert.Equal(1, changes);
    }

    [Fact]
    public async Task Revoke_IsRefused_GivenAStoreThatIsAway()
    {
        store.IsAway = true;
        Assert.Equal(ErrorCode.BackplaneUnavailable, (await revocations.RevokeAsync(Revocation.Of("good"), Cancellation))?.Code);
        Assert.False(revocations.IsKnown(Good));
        Assert.Equal(0, changes);
    }

    [Fact]
    public async Task Client_IsAboutItsNewestTime_InWhateverOrder()
    {
        store.Add(Revocation.Of(Some.Client, Tokens.Issued));
        await revocations.ReadAsync(Cancellation);
        Assert.False(revocations.IsKnown(Good));
        store.Add(Revocation.Of(Some.Client, Tokens.Issued.AddSeconds(1)));
        store.Add(Revocation.Of(Some.Client, Tokens.Issued.AddSeconds(-1)));
        await revocations.ReadAsync(Cancellation);

        Assert.True(revocations.IsKnown(Good));
        Assert.True(revocations.IsKnown(Good with { IssuedAt = null }));
        Assert.False(revocations.IsKnown(Good with { Subject = Some.OtherClient }));
        Assert.False(revocations.IsKnown(Good with { IssuedAt = Tokens.Issued.AddSeconds(1) }));
        Assert.Equal((1, 2), (revocations.Count, changes));
    }

    [Fact]
    public async Task Memory_HoldsWhatWasRevoked_AsLongAsATokenOfThenMayBeGood()
    {
        store.Add(Revocation.Of("young"));
        store.Add(Revocation.Of("old") with { Age = Revocation.MaxAhead + TimeSpan.FromMinutes(30) });
        store.Add(Revocation.Of(Some.Client, Tokens.Issued) with { Age = Revocation.MaxAhead + TimeSpan.FromMinutes(30) });
        store.Add(Revocation.Of("too old") with { Age = Revocation.MaxAhead + TimeSpan.FromMinutes(61) });
        await revocations.ReadAsync(Cancellation);
        Assert.Equal((TimeSpan.FromMinutes(61) + Revocation.MaxAhead, 3), (revocations.Kept, revocations.Count));

        time.Advance(TimeSpan.FromMinutes(30.9));
        await revocations.ReadAsync(Cancellation);
        Assert.Equal(3, revocations.Count);
        time.Advance(TimeSpan.FromMinutes(1));
        await revocations.ReadAsync(Cancellation);
        Assert.True(revocations.IsKnown(Tokens.Of(Some.Client, "young")));
        Assert.Equal(1, revocations.Count);
        // Whatever the settings are by now.
        options.MaxLifetime = Duration.FromSeconds(60);
        time.Advance(Revocation.MaxAhead);
        await revocations.ReadAsync(Cancellation);
        Assert.Equal(0, revocations.Count);
    }

    [Fact]
    public async Task Memory_HoldsAClient_FromTheLastTimeItWasRevoked()
    {
        store.Add(Revocation.Of(Some.Client, Tokens.Issued) with { Age = Revocation.MaxAhead + TimeSpan.FromMinutes(60) });
        store.Add(Revocation.Of(Some.Client, Tokens.Issued.AddMinutes(-1)));
        await revocations.ReadAsync(Cancellation);
        time.Advance(TimeSpan.FromMinutes(30));
        await revocations.ReadAsync(Cancellation);
        Assert.True(revocations.IsKnown(Tokens.Of(Some.Client)));
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(0, true)]
    [InlineData(1, false)]
    [InlineData(1, true)]
    public async Task Read_PutsBackWhatTheStoreLost_OnceForAllInstances(int left, bool isUsedSince)
    {
        Revocations[] others = [new(store, time, () => options), new(store, time, () => options)];
        store.Add(Revocation.Of("t1"));
        store.Add(Revocation.Of(Some.Client, Tokens.Issued));
        store.Add(Revocation.Of(Some.OtherClient, Tokens.Issued) with
        {
            Age = Revocation.MaxAhead + TimeSpan.FromMinutes(50),
        });
        await revocations.ReadAsync(Cancellation);
        foreach (var other in others)
            Assert.True(await other.ReadAsync(Cancellation));
        changes = 0;
        time.Advance(TimeSpan.FromMinutes(20));
        store.Keep(left);
        // By somebody who knew nothing of what was lost.
        if (isUsedSince)
            store.Add(Revocation.Of("t2"));

        Assert.True(await revocations.ReadAsync(Cancellation));
        foreach (var other in others)
            Assert.True(await other.ReadAsync(Cancellation));
        await revocations.ReadAsync(Cancellation);

        // The third one was too old to matter.
        Assert.Equal(2 + (isUsedSince ? 1 : 0), store.All.Count);
        Assert.Equal(TimeSpan.FromMinutes(20), Assert.Single(store.All, one => one.Subject == Some.Client).Age);
        var late = new Revocations(store, time, () => options);
        Assert.True(await late.AskAsync(Tokens.Of(Some.OtherClient, "t1"), Cancellation));
        Assert.True(late.IsKnown(Tokens.Of(Some.Client)));
        Assert.Equal(isUsedSince, late.IsKnown(Tokens.Of(Some.OtherClient, "t2")));
        Assert.Equal(isUsedSince, revocations.IsKnown(Tokens.Of(Some.OtherClient, "t2")));
        Assert.Equal(isUsedSince ? 1 : 0, changes);
    }

    [Fact]
    public async Task Read_PutsBackWhatWasRevokedHere_GivenThatItWasLostBeforeAnybodyReadIt()
    {
        await revocations.RevokeAsync(Revocation.Of("good"), Cancellation);
        store.Keep(0);
        Assert.True(await revocations.ReadAsync(Cancellation));
        Assert.Equal("good", Assert.Single(store.All).TokenId);
    }

    [Fact]
    public async Task Read_PutsBackLater_GivenAStoreThatGoesAwayMeanwhile()
    {
        store.Add(Revocation.Of("t1"));
        await revocations.ReadAsync(Cancellation);
        store.Keep(0);
        store.IsAway = true;
        Assert.False(await revocations.ReadAsync(Cancellation));
        Assert.True(revocations.IsKnown(Tokens.Of(Some.Client, "t1")));
        store.IsAway = false;
        Assert.True(await revocations.ReadAsync(Cancellation));
        Assert.Single(store.All);
    }
}
