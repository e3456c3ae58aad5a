using System.Globalization;
using Aether.Application.Ports;
using Aether.Domain;
using Aether.Tests.Integration.Fixtures;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>
/// What instances tell of who is present after Redis forgot, or after somebody was mistaken: those who left, and
/// nobody who never left.
/// </summary>
public sealed class PresenceTruthTests : IAsyncLifetime
{
    private static readonly TimeSpan ShortLease = TimeSpan.FromSeconds(1);
    private static readonly VisionId Group = VisionId.Parse("g");
    private static readonly VisionId X = VisionId.Parse("x");
    private static readonly VisionId Y = VisionId.Parse("y");

    private readonly List<PresenceInstance> instances = [];
    private RedisServer? server;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private RedisServer Server => server!;

    private PresenceInstance One => instances[0];

    private PresenceInstance Two => instances[1];

    private string Log => One.Log + Two.Log;

    public async ValueTask InitializeAsync()
    {
        server = await RedisServer.StartAsync();
        for (int i = 0; i < 2; i++)
            instances.Add(await PresenceInstance.StartAsync(Server, ShortLease));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var instance in instances)
            await instance.DisposeAsync();
        await Server.DisposeAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Leave_IsToldAndNoJoin_GivenRedisThatCameBackEmpty(bool longerThanTheLease)
    {
        for (int i = 0; i < 20; i++)
            await One.Store.JoinAsync(Group, VisionId.Parse($"c{i}"), Role.Worker, Token);
        await Two.Store.JoinAsync(Group, X, Role.Worker, Token);
        var gone = (await One.Store.JoinAsync(Group, Y, Role.Worker, Token)).Member!;
        long end = await EndOfLeaseAsync();

        await Server.StopAsync();
        Assert.Equal(PresenceTransition.Unavailable, (await One.Store.LeaveAsync(Group, Y, Token)).Transition);
        await Eventually.HoldsAsync(
            () => !longerThanTheLease || DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() > end + 1_000);
        await Server.StartAgainAsync();

        await Eventually.HoldsAsync(() => One.Store.IsReady && Two.Store.IsReady, state: () => Log);
        Assert.Equal("21", await Server.RunAsync("SCARD", "ws:members:{g}"));
        Assert.Equal(["Went g y"], One.Changes);
        Assert.True(One.Heard[0].Member!.Version > gone.Version);
        Assert.Empty(Two.Changes);
    }

    [Fact]
    public async Task ToldGone_ToldAsThereAgain_GivenAClientWhoseOtherConnectionStays()
    {
        await One.Store.JoinAsync(Group, X, Role.Worker, Token);
        await Two.Store.JoinAsync(Group, X, Role.Worker, Token);
        await Server.RunAsync("FLUSHALL");
        // As far as this one and Redis know, it was the last connection; or the other one was faster.
        var left = await One.Store.LeaveAsync(Group, X, Token);
        if (left.Transition != PresenceTransition.Went)
            Assert.Skip("the other instance had registered it again");

        foreach (var instance in instances)
            instance.Store.ToldGone(Group, X, left.Member!.Version);

        await Eventually.HoldsAsync(() => Two.Changes.Count > 0, state: () => Log);
        await Eventually.HoldsAsync(() => One.Store.IsReady && Two.Store.IsReady, state: () => Log);
        Assert.Equal(["Came g x"], Two.Changes);
        Assert.True(Two.Heard[0].Member!.Version > left.Member!.Version);
        Assert.Empty(One.Changes);
        Assert.Equal("x", await Server.RunAsync("SMEMBERS", "ws:members:{g}"));
    }

    [Fact]
    public async Task ToldGone_OneOfThemTells_GivenTwoInstancesThatHoldTheClient()
    {
        await One.Store.JoinAsync(Group, X, Role.Worker, Token);
        long told = (await Two.Store.JoinAsync(Group, X, Role.Worker, Token)).Member!.Version + 60_000_000;

        foreach (var instance in instances)
            instance.Store.ToldGone(Group, X, told);

        await Eventually.HoldsAsync(async () => await VersionAsync() == told + 2, state: () => Log);
        // It stands in Redis a moment before whoever wrote it tells.
        await Eventually.HoldsAsync(() => One.Heard.Concat(Two.Heard).Any(), state: () => Log);
        Assert.Equal(["Came g x"], One.Changes.Concat(Two.Changes));
        Assert.Equal(told + 1, One.Heard.Concat(Two.Heard).Single().Member!.Version);
        // What is older than what is known, or of nobody here, contradicts nothing.
        foreach (var instance in instances)
        {
            instance.Store.ToldGone(Group, X, told);
            instance.Store.ToldGone(Group, Y, long.MaxValue);
            instance.Store.ToldGone(Y, X, long.MaxValue);
        }
        Assert.Equal(PresenceTransition.Came, (await One.Store.JoinAsync(Group, Y, Role.Worker, Token)).Transition);
        Assert.Equal(told + 2, await VersionAsync());
    }

    [Fact]
    public async Task Version_Grows_GivenRedisThatForgotAndWhoseClockIsBehind()
    {
        var x = (await One.Store.JoinAsync(Group, X, Role.Worker, Token)).Member!;
        // As if what was told had come from a clock that is ahead by a minute.
        long ahead = x.Version + 60_000_000;
        await Server.RunAsync("HSET", "ws:versions:{g}", "x", $"{ahead}", "", $"{ahead}");
        var updated = (await One.Store.UpdateStateAsync(Group, X, "{}"u8.ToArray(), Token)).Member!;
        Assert.Equal(ahead + 1, updated.Version);
        var y = (await Two.Store.JoinAsync(Group, Y, Role.Worker, Token)).Member!;
        Assert.Equal(ahead + 2, y.Version);
        await Two.Store.LeaveAsync(Group, Y, Token);
        Assert.Equal(ahead + 4, (await Two.Store.JoinAsync(Group, Y, Role.Worker, Token)).Member!.Version);

        await Server.RunAsync("FLUSHALL");

        await Eventually.HoldsAsync(async () => await VersionAsync() > ahead + 1, state: () => Log);
        Assert.Empty(One.Changes);
        await One.Store.LeaveAsync(Group, X, Token);
        await Two.Store.LeaveAsync(Group, Y, Token);
        Assert.Equal("0", await Server.RunAsync("EXISTS", "ws:versions:{g}"));
    }

    [Fact]
    public async Task OnlyWhatNeedsRoomFails_GivenRedisThatIsFull()
    {
        await One.Store.JoinAsync(Group, X, Role.Worker, Token);
        await One.Store.JoinAsync(Group, Y, Role.Worker, Token);
        string incarnation = One.Store.Incarnation!;
        await Server.RunAsync("CONFIG", "SET", "maxmemory", "1");

        for (int i = 0; i < 20; i++)
        {
            var change = await One.Store.UpdateStateAsync(Group, X, "{\"n\":1}"u8.ToArray(), Token);
            Assert.Equal(PresenceTransition.Unavailable, change.Transition);
            Assert.True(One.Store.IsReady);
            Assert.Equal(
                PresenceTransition.Unavailable,
                (await One.Store.JoinAsync(VisionId.Parse($"g{i}"), X, Role.Worker, Token)).Transition);
            Assert.True(One.Store.IsReady);
        }
        Assert.Equal(2, (await One.Store.GetMembersAsync(Group, Token))!.Count);
        await One.Scripts.TouchAsync(Group, ["x", 0]);
        Assert.Equal(PresenceTransition.Went, (await One.Store.LeaveAsync(Group, Y, Token)).Transition);
        // Also what has to be said again goes on: a connection that breaks is no reason to lose everybody.
        await Server.RunAsync("CLIENT", "KILL", "TYPE", "normal");
        await Eventually.HoldsAsync(() => One.Store.IsReady && One.Store.Incarnation != incarnation, state: () => Log);
        Assert.Equal("x", await Server.RunAsync("SMEMBERS", "ws:members:{g}"));
        Assert.Equal("g", await Server.RunAsync("SMEMBERS", "ws:groups:" + One.Store.Incarnation));
        Assert.Empty(One.Changes.Concat(Two.Changes));
        await Server.RunAsync("CONFIG", "SET", "maxmemory", "0");
        Assert.Null(await FailureOfUpdateAsync());
    }

    [Theory]
    [InlineData("min-replicas-to-write", "1", "0")]
    [InlineData("busy", "", "")]
    public async Task NobodyIsForgotten_GivenRedisThatTakesNoWritesForAWhile(string setting, string on, string off)
    {
        await One.Store.JoinAsync(Group, X, Role.Worker, Token);
        Task<string>? script = null;
        if (setting == "busy")
        {
            await Server.RunAsync("CONFIG", "SET", "busy-reply-threshold", "50");
            script = Server.RunAsync("EVAL", "while true do end", "0");
            await Eventually.HoldsAsync(
                async () => (await Server.RunAsync("PING")).StartsWith("BUSY", StringComparison.Ordinal));
        }
        else
        {
            await Server.RunAsync("CONFIG", "SET", setting, on);
        }

        Assert.Equal(PresenceTransition.Unavailable, (await One.Store.JoinAsync(Group, Y, Role.Worker, Token)).Transition);
        // The lease cannot be renewed: that is more than one call's failure.
        await Eventually.HoldsAsync(() => !One.Store.IsReady, state: () => Log);
        if (script is null)
            await Server.RunAsync("CONFIG", "SET", setting, off);
        else
            await Task.WhenAll(Server.RunAsync("SCRIPT", "KILL"), script);

        await Eventually.HoldsAsync(() => One.Store.IsReady && Two.Store.IsReady, state: () => Log);
        Assert.Equal("x", await Server.RunAsync("SMEMBERS", "ws:members:{g}"));
        Assert.Empty(One.Changes.Concat(Two.Changes));
        Assert.Null(await FailureOfUpdateAsync());
    }

    [Fact]
    public async Task OneGroupFailsAndNoOther_GivenAKeyOfAnotherType()
    {
        await One.Store.JoinAsync(Group, X, Role.Worker, Token);
        await Server.RunAsync("SET", "ws:versions:{bad}", "what is this");

        Assert.Equal(
            PresenceTransition.Unavailable,
            (await One.Store.JoinAsync(VisionId.Parse("bad"), X, Role.Worker, Token)).Transition);

        Assert.True(One.Store.IsReady);
        Assert.Null(await FailureOfUpdateAsync());
        await Server.RunAsync("SCRIPT", "FLUSH");
        Assert.Null(await FailureOfUpdateAsync());
        Assert.True(One.Store.IsReady);
        await Server.RunAsync("DEL", "ws:versions:{bad}");
    }

    [Fact]
    public async Task FindAsync_FailsAlone_GivenAKeyOfAnotherType()
    {
        // With a lease that does not end if this is held up: it would be registered a second time.
        await using var one = await PresenceInstance.StartAsync(Server);
        await one.Store.JoinAsync(Group, X, Role.Worker, Token);
        await Server.RunAsync("SET", "ws:holders:{bad}", "what is this");

        // As a kept direct message does, whose recipient is looked for.
        for (int i = 0; i < 20; i++)
        {
            Assert.Equal(
                ClientPlaces.Unavailable, await one.Store.FindAsync(VisionId.Parse("bad"), X, Token));
            Assert.True(one.Store.IsReady);
        }

        Assert.Equal(ClientPlaces.On(1), await one.Store.FindAsync(Group, X, Token));
        Assert.Equal(1, one.Log.Split("PresenceWhole").Length - 1);
    }

    private async Task<string?> FailureOfUpdateAsync()
    {
        var change = await One.Store.UpdateStateAsync(Group, X, "{}"u8.ToArray(), Token);
        return change.Transition == PresenceTransition.Unavailable ? Log : null;
    }

    private async Task<long> VersionAsync() =>
        (await One.Store.GetMembersAsync(Group, Token))?.SingleOrDefault(one => one.ClientId == X)?.Version ?? 0;

    private async Task<long> EndOfLeaseAsync() => long.Parse(
        await Server.RunAsync("ZSCORE", "ws:leases", One.Store.Incarnation!), CultureInfo.InvariantCulture);
}
