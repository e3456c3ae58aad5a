using System.Globalization;
using Aether.Application;
using Aether.Application.Ports;
using Aether.Application.Tokens;
using Aether.Domain;
using Aether.Domain.Tokens;
using Aether.Tests.Integration.Fixtures;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>What only Redis does to revocations: losing them, going back, being full or away, and holding what is none.</summary>
public sealed class RedisRevocationStoreTests : IAsyncLifetime
{
    private const string Key = "ws:revocations";
    private static readonly TimeSpan Kept = TimeSpan.FromHours(1);
    private static readonly VisionId Client = Messages.Id("c1");
    private static readonly DateTime Time = new(2026, 1, 2, 3, 4, 5, 678, DateTimeKind.Utc);

    private RedisServer redis = null!;
    private BusHost host = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private IRevocationStore Store => host.Get<IRevocationStore>();

    public async ValueTask InitializeAsync()
    {
        redis = await RedisServer.StartAsync();
        host = await BusHost.StartReadyAsync(redis.ConnectionString);
    }

    public async ValueTask DisposeAsync()
    {
        await host.DisposeAsync();
        await redis.DisposeAsync();
    }

    [Fact]
    public async Task Stream_IsReadableByOthers_AndEndsByItself()
    {
        await AddAsync("t1");
        Assert.Null(await Store.AddAsync(Revocation.Of(Client, Time), Kept, Token));
        string[] lines = (await redis.RunAsync("XRANGE", Key, "-", "+")).Split('\n');
        Assert.Equal(["jti", "t1", "t"], lines[1..4]);
        Assert.Equal("sub c1 t", string.Join(' ', lines[6..9]));
        Assert.Equal(["issued_before", "1767323045678"], lines[10..12]);
        // When it was added, by two looks at the clock.
        Assert.InRange(Number(lines[4]), Number(lines[0].Split('-')[0]) - 60_000, Number(lines[0].Split('-')[0]) + 60_000);
        // A minute longer than anything in it matters, or its end would be taken for a loss.
        Assert.InRange(Number(await redis.RunAsync("PTTL", Key)), 3_600_000, 3_660_000);
    }

    [Fact]
    public async Task Stream_LetsGoOfWhatIsTooOldToMatter()
    {
        for (int i = 1; i <= 250; i++)
            await redis.RunAsync("XADD", Key, i + "-0", "jti", "old" + i);
        await AddAsync("t1");
        // Redis trims in whole blocks.
        Assert.InRange(Number(await redis.RunAsync("XLEN", Key)), 1, 101);
        Assert.True(await New().AskAsync(TokenOf("t1"), Token));
        Assert.False(await New().AskAsync(TokenOf("old250"), Token));
    }

    [Fact]
    public async Task Read_PassesOver_WhatIsNoRevocation()
    {
        foreach (string[] nonsense in (string[][])
            [
                ["x", "y"], ["jti", ""], ["jti", "a\nb"], ["jti", new string('x', 257)], ["jti", "a", "sub", "c1"], ["sub", "c1"],
                ["sub", "c 1", "issued_before", "1"], ["sub", "c1", "issued_before", "soon"],
                ["sub", "c1", "issued_before", "-1"], ["sub", "c1", "issued_before", "999999999999999999"],
                ["issued_before", "1"], ["t", "1"],
            ])
            await redis.RunAsync(["XADD", Key, "*", .. nonsense]);
        await redis.RunAsync("XADD", Key, "*", "jti", "no time");
        await redis.RunAsync("XADD", Key, "*", "jti", "wrong time", "t", "x", "more", "of it");
        await redis.RunAsync("XADD", Key, "*", "jti", "later", "t", "99999999999999");
        await AddAsync("t1");

        var page = (await Store.ReadAsync("", Token))!;

        Assert.Equal(["no time", "wrong time", "later", "t1"], page.Revocations.Select(one => one.TokenId));
        Assert.All(page.Revocations, one => Assert.InRange(one.Age, TimeSpan.Zero, TimeSpan.FromMinutes(5)));
        Assert.Contains(host.Log, line => line.StartsWith("RedisRevocationGarbage", StringComparison.Ordinal));
        Assert.Empty((await Store.ReadAsync(page.Next, Token))!.Revocations);
    }

    [Fact]
    public async Task Revoked_IsKnownOnEveryInstance()
    {
        await using var other = await BusHost.StartReadyAsync(redis.ConnectionString);
        var (mine, others) = (New(), New(other));
        Assert.Null(await mine.RevokeAsync(Revocation.Of("t1"), Token));
        Assert.True(await others.AskAsync(TokenOf("t1"), Token));
        Assert.False(await others.AskAsync(TokenOf("t2"), Token));
    }

    [Fact]
    public async Task Revoked_StaysSo_GivenARedisThatCameBackEmpty()
    {
        await using var other = await BusHost.StartReadyAsync(redis.ConnectionString);
        var (mine, others) = (New(), New(other));
        Assert.Null(await mine.RevokeAsync(Revocation.Of("t1"), Token));
        Assert.Null(await mine.RevokeAsync(Revocation.Of(Client, Time), Token));
        Assert.True(await others.ReadAsync(Token));

        await redis.RestartAsync();

        // Both at once, as they do: of the two one puts it back.
        await Eventually.HoldsAsync(async () =>
            (await Task.WhenAll(mine.ReadAsync(Token).AsTask(), others.ReadAsync(Token).AsTask())).All(static all => all));
        Assert.Equal("2", await redis.RunAsync("XLEN", Key));
        await AssertKnownAsync("t1");
        Assert.Single(
            host.Log.Concat(other.Log), line => line.StartsWith("RedisRevocationsRestored", StringComparison.Ordinal));
        Assert.True(mine.IsKnown(TokenOf("t1")));
        Assert.True(others.IsKnown(TokenOf("t1")));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Revoked_StaysSo_GivenARedisThatIsUsedAgain_BeforeAnybodyNoticed(bool isPart)
    {
        var mine = New();
        Assert.Null(await mine.RevokeAsync(Revocation.Of("t1"), Token));
        await mine.ReadAsync(Token);
        Assert.Null(await mine.RevokeAsync(Revocation.Of("t2"), Token));
        await mine.ReadAsync(Token);

        if (isPart)
            await LoseTheLastAsync();
        else
            await redis.RunAsync("DEL", Key);
        await AddAsync("t3");

        Assert.True(await mine.AskAsync(TokenOf("t3"), Token));
        await AssertKnownAsync("t1", "t2", "t3");
        Assert.Equal("3", await redis.RunAsync("XLEN", Key));
    }

    [Fact]
    public async Task Revoked_StaysSo_GivenAFailoverThatLostTheNewest()
    {
        var mine = New();
        Assert.Null(await mine.RevokeAsync(Revocation.Of("t1"), Token));
        Assert.Null(await mine.RevokeAsync(Revocation.Of("t2"), Token));
        Assert.True(await mine.ReadAsync(Token));
        await LoseTheLastAsync();

        Assert.True(await mine.ReadAsync(Token));
        Assert.True(mine.IsKnown(TokenOf("t2")));
        await AssertKnownAsync("t1", "t2");
        Assert.Equal("2", await redis.RunAsync("XLEN", Key));
    }

    [Fact]
    public async Task Read_GoesOn_GivenANewRedisWhoseClockIsBehind()
    {
        var mine = New();
        // As by a Redis whose clock was years ahead: what comes later has an id that lies before.
        await redis.RunAsync("XADD", Key, "9999999999999-0", "jti", "t1");
        Assert.True(await mine.AskAsync(TokenOf("t1"), Token));
        await redis.RunAsync("DEL", Key);
        await AddAsync("t2");

        Assert.True(await mine.AskAsync(TokenOf("t2"), Token));
        await AddAsync("t3");
        Assert.True(await mine.AskAsync(TokenOf("t3"), Token));
        await AssertKnownAsync("t1", "t2", "t3");
    }

    [Fact]
    public async Task Revoke_IsRefused_AndReadingGoesOn_GivenARedisThatIsFull()
    {
        await AddAsync("t1");
        await redis.RunAsync("CONFIG", "SET", "maxmemory", "1");
        var refused = await Store.AddAsync(Revocation.Of("t2"), Kept, Token);
        Assert.Equal(BackplaneFault.Full.ToRejection(), refused);
        Assert.True(await New().AskAsync(TokenOf("t1"), Token));
    }

    [Fact]
    public async Task Nothing_IsTakenForGood_GivenARedisThatIsAway_OrHoldsSomethingElse()
    {
        var mine = New();
        await redis.RunAsync("SET", Key, "x");
        Assert.Equal(ErrorCode.BackplaneUnavailable, (await mine.RevokeAsync(Revocation.Of("t1"), Token))?.Code);
        Assert.Null(await mine.AskAsync(TokenOf("t1"), Token));
        await redis.RunAsync("DEL", Key);
        Assert.False(await mine.AskAsync(TokenOf("t1"), Token));

        await redis.StopAsync();

        await Eventually.HoldsAsync(async () =>
            (await mine.RevokeAsync(Revocation.Of("t1"), Token)) == BackplaneFault.Unreachable.ToRejection());
        Assert.Null(await mine.AskAsync(TokenOf("t2"), Token));
        Assert.Contains(host.Log, line => line.StartsWith("RedisRevocationsFailed", StringComparison.Ordinal));
    }

    /// <summary>What an instance knows that has just started.</summary>
    private Revocations New(BusHost? on = null) => new(
        (on ?? host).Get<IRevocationStore>(), TimeProvider.System, static () => new TokenOptions
        {
            MaxLifetime = Duration.FromSeconds(3_600),
        });

    private async Task AddAsync(string id) => Assert.Null(await Store.AddAsync(Revocation.Of(id), Kept, Token));

    /// <summary>An instance that starts now learns of these.</summary>
    private async Task AssertKnownAsync(params string[] ids)
    {
        var late = New();
        Assert.True(await late.ReadAsync(Token));
        Assert.All(ids, id => Assert.True(late.IsKnown(TokenOf(id)), id));
    }

    /// <summary>The stream as a replica has it that did not get the last entry.</summary>
    private async Task LoseTheLastAsync()
    {
        string[] ids = [.. (await redis.RunAsync("XRANGE", Key, "-", "+")).Split('\n')
            .Where(line => line.Contains('-', StringComparison.Ordinal))];
        Assert.Equal("1", await redis.RunAsync("XDEL", Key, ids[^1]));
        Assert.Equal("OK", await redis.RunAsync("XSETID", Key, ids[^2]));
    }

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);

    private static Token TokenOf(string id) =>
        new(Messages.Id("user"), id, Time.AddHours(1), Time.AddHours(2), new Access(Permissions.None), null, "k");
}
