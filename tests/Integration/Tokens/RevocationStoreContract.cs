using Aether.Application.Ports;
using Aether.Domain;
using Aether.Domain.Tokens;
using Aether.Tests.Integration.Fixtures;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>What every store of revocations does, whatever keeps them.</summary>
public abstract class RevocationStoreContract : IAsyncLifetime
{
    private static readonly VisionId Client = Messages.Id("c1");
    private static readonly DateTime Time = new(2026, 1, 2, 3, 4, 5, 678, DateTimeKind.Utc);
    private static readonly TimeSpan Kept = TimeSpan.FromHours(1);

    private BusHost host = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private IRevocationStore Store => host.Get<IRevocationStore>();

    public async ValueTask InitializeAsync() => host = await StartAsync();

    public virtual ValueTask DisposeAsync() => host.DisposeAsync();

    [Fact]
    public async Task Read_GivesNothing_GivenThatNothingWasRevoked()
    {
        var page = await ReadAsync("");
        Assert.Equal((0, "", true, false), (page.Revocations.Count, page.Next, page.IsComplete, page.IsLost));
    }

    [Fact]
    public async Task Read_GivesWhatWasAdded_InOrder_AndGoesOn()
    {
        Revocation[] all =
        [
            Revocation.Of("t1"), Revocation.Of(Client, Time), Revocation.Of("ümlaut 漢 😀"), Revocation.Of("t1"),
            Revocation.Of(Client, DateTime.UnixEpoch),
        ];
        foreach (var one in all)
            await AddAsync(one);

        var page = await ReadAsync("");
        Assert.Equal(all, page.Revocations.Select(WithoutAge));
        Assert.All(page.Revocations, one => Assert.InRange(one.Age, TimeSpan.Zero, TimeSpan.FromMinutes(5)));
        Assert.True(page is { IsComplete: true, IsLost: false });
        var rest = await ReadAsync(page.Next);
        Assert.Equal((0, page.Next, true, false), (rest.Revocations.Count, rest.Next, rest.IsComplete, rest.IsLost));
        await AddAsync(Revocation.Of("t2"));
        var more = await ReadAsync(page.Next);
        Assert.Equal([Revocation.Of("t2")], more.Revocations.Select(WithoutAge));
        Assert.NotEqual(page.Next, more.Next);
    }

    [Fact]
    public async Task Read_GivesAPageAtATime_GivenMany()
    {
        string[] ids = [.. Enumerable.Range(0, 2_300).Select(i => "t" + i)];
        foreach (string id in ids)
            await AddAsync(Revocation.Of(id));
        var read = new List<string?>();
        int pages = 0;
        for (var page = await ReadAsync(""); ; page = await ReadAsync(page.Next))
        {
            read.AddRange(page.Revocations.Select(one => one.TokenId));
            pages++;
            Assert.Equal(read.Count == ids.Length, page.IsComplete);
            if (page.IsComplete)
                break;
        }
        Assert.Equal(ids, read);
        Assert.Equal(3, pages);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Read_IsLost_GivenThatTheLastOneThatWasReadIsNotThere(int count)
    {
        for (int i = 0; i < count; i++)
            await AddAsync(Revocation.Of("t1"));
        foreach (string after in (string[])["77-0", "9999999999999-0"])
        {
            var page = await ReadAsync(after);
            Assert.Equal((0, "", false, true), (page.Revocations.Count, page.Next, page.IsComplete, page.IsLost));
        }
    }

    [Fact]
    public async Task Restore_PutsBack_AsOldAsItWas()
    {
        Revocation[] missing =
        [
            Revocation.Of("t1") with { Age = TimeSpan.FromMinutes(30) },
            Revocation.Of(Client, Time) with { Age = TimeSpan.FromMinutes(40) },
        ];
        await Store.RestoreAsync(missing, "", Kept, Token);
        var page = await ReadAsync("");
        Assert.Equal(missing.Select(WithoutAge), page.Revocations.Select(WithoutAge));
        Assert.All(page.Revocations.Zip(missing), pair =>
            Assert.InRange(pair.First.Age, pair.Second.Age, pair.Second.Age + TimeSpan.FromMinutes(5)));
        await Store.RestoreAsync([Revocation.Of("t2")], page.Next, Kept, Token);
        Assert.Equal("t2", Assert.Single((await ReadAsync(page.Next)).Revocations).TokenId);
    }

    [Fact]
    public async Task Restore_PutsBackMany()
    {
        Revocation[] missing = [.. Enumerable.Range(0, 1_234).Select(i => Revocation.Of("t" + i))];
        await Store.RestoreAsync(missing, "", Kept, Token);
        var page = await ReadAsync("");
        var rest = await ReadAsync(page.Next);
        Assert.Equal(missing, page.Revocations.Concat(rest.Revocations).Select(WithoutAge));
    }

    [Fact]
    public async Task Restore_DoesNothing_GivenThatSomethingCameMeanwhile()
    {
        await AddAsync(Revocation.Of("t1"));
        string first = (await ReadAsync("")).Next;
        await AddAsync(Revocation.Of("t2"));
        foreach (string after in (string[])["", first, "77-0"])
            await Store.RestoreAsync([Revocation.Of("t0")], after, Kept, Token);
        Assert.Equal(["t1", "t2"], (await ReadAsync("")).Revocations.Select(one => one.TokenId));
    }

    [Fact]
    public async Task Restore_IsDoneByOne_GivenThatManyTryAtOnce()
    {
        await Task.WhenAll(Enumerable.Range(0, 10).Select(i => Task.Run(
            async () => await Store.RestoreAsync([Revocation.Of("t1"), Revocation.Of("t2")], "", Kept, Token), Token)));
        Assert.Equal(["t1", "t2"], (await ReadAsync("")).Revocations.Select(one => one.TokenId));
    }

    private protected abstract Task<BusHost> StartAsync();

    private async Task AddAsync(Revocation revocation) => Assert.Null(await Store.AddAsync(revocation, Kept, Token));

    private async Task<RevocationPage> ReadAsync(string after)
    {
        var page = await Store.ReadAsync(after, Token);
        Assert.True(page is not null, string.Join(" | ", host.Log));
        return page;
    }

    private static Revocation WithoutAge(Revocation one) => one with { Age = default };
}
