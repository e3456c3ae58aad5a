using System.Globalization;
using Aether.Application;
using Aether.Application.Ports;
using Aether.Domain;
using Aether.Domain.Commands;
using Aether.Infrastructure.Redis.Commands;
using Aether.Tests.Integration.Fixtures;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>
/// What only Redis does to commands: instances that die, keys that end or are written by others, being full or away.
/// </summary>
public sealed class RedisCommandStoreTests : IAsyncLifetime
{
    private const string Tag = "{ws:group:g}";
    private static readonly VisionId Group = Messages.Id("g");
    private static readonly VisionId Member = Messages.Id("m");
    private static readonly CommandPlan Plan = new();

    private RedisServer redis = null!;
    private BusHost one = null!;
    private BusHost two = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private ICommandStore One => one.Get<ICommandStore>();

    private ICommandStore Two => two.Get<ICommandStore>();

    public async ValueTask InitializeAsync()
    {
        redis = await RedisServer.StartAsync();
        one = await BusHost.StartReadyAsync(redis.ConnectionString);
        two = await BusHost.StartReadyAsync(redis.ConnectionString);
    }

    public async ValueTask DisposeAsync()
    {
        await one.DisposeAsync();
        await two.DisposeAsync();
        await redis.DisposeAsync();
    }

    [Fact]
    public async Task Keys_HaveNoEndWhileItRuns_AndTheRetentionAfterwards()
    {
        await StartAsync("c1", Plan with { MinSucceeded = Amount.FromCount(1) }, "r1");
        string[] kinds = ["command", "executions", "places", "changed"];
        string[] own = [.. kinds.Select(kind => $"ws:{kind}:{Tag}:c1"), $"ws:asked:{Tag}:giver:r1"];
        foreach (string key in own)
            Assert.Equal("-1", await redis.RunAsync("TTL", key));
        Assert.Equal("1", await redis.RunAsync("EXISTS", $"ws:timers:{Tag}:c1"));

        await SayAsync(One, "c1", ExecutionStatus.Succeeded);
        foreach (string key in own)
            Assert.InRange(await NumberAsync("TTL", key), 86_000, 86_400);
        Assert.Equal("0", await redis.RunAsync("EXISTS", $"ws:timers:{Tag}:c1", $"ws:running:{Tag}"));
        // Nothing of it stays for ever.
        foreach (string key in (await redis.RunAsync("KEYS", "ws:*c*:*g}*")).Split('\n'))
            Assert.True(await NumberAsync("TTL", key) > 0, key);
    }

    [Fact]
    public async Task Command_IsForgotten_AfterItsRetention()
    {
        await using var host = await BusHost.StartReadyAsync(
            redis.ConnectionString, options => options.Commands.Retention = Duration.FromSeconds(0.3));
        var store = host.Get<ICommandStore>();
        await StartAsync("c1", Plan, "r1", store);
        await StartAsync("c2", Plan, "r2", store);
        await SayAsync(store, "c1", ExecutionStatus.Succeeded);
        await Eventually.HoldsAsync(
            async () => (await store.GetAsync(Group, "c1", 0, 1, Token)).Status == CommandFound.NotFound);
        Assert.Equal([0, 2], (await store.GetVersionsAsync(Group, ["c1", "c2"], Token))!);
        var left = await store.ListAsync(Group, null, 0, 10, Token);
        Assert.Equal(("c2", 1), (Assert.Single(left!.Commands).Order.Id, left.Total));
        Assert.Equal(0, (await store.ListAsync(Group, CommandStatus.Succeeded, 0, 10, Token))!.Total);
        Assert.Equal(StartStatus.Started, (await StartAsync("c3", Plan, "r1", store)).Status);
    }

    [Fact]
    public async Task PassTime_FindsNothing_GivenAnInstanceThatDiedBeforeTheCommandBegan_AndForgetsTheGroup()
    {
        await one.Get<CommandScripts>().TellAsync(new Look(Group, 0));
        Assert.Empty((await Two.PassTimeAsync(10, Token))!);
        // Looked at once more, since whoever told may only be slow.
        string kept = await redis.RunAsync("ZSCORE", "ws:due", "g");
        Assert.EndsWith(".5", kept, StringComparison.Ordinal);
        await redis.RunAsync("ZADD", "ws:due", "1.5", "g");
        Assert.Empty((await Two.PassTimeAsync(10, Token))!);
        Assert.Equal("", await redis.RunAsync("ZSCORE", "ws:due", "g"));
    }

    [Fact]
    public async Task PassTime_FindsACommand_GivenAnInstanceThatLookedJustBeforeItBegan()
    {
        await one.Get<CommandScripts>().TellAsync(new Look(Group, 0));
        Assert.Empty((await Two.PassTimeAsync(10, Token))!);
        // As if the giver's instance had died with the answer: nobody tells a second time.
        await one.Get<CommandScripts>().StartAsync(
            Order("c1") with { Plan = Plan with { DeliveryTimeout = TimeSpan.FromMilliseconds(1) } }, [Member]);
        await redis.RunAsync("ZADD", "ws:due", "XX", "1.5", "g");
        await Eventually.HoldsAsync(async () => (await Two.PassTimeAsync(10, Token))!.Count == 1);
    }

    [Fact]
    public async Task Claim_IsOneInstances_AndEndsByItself_GivenThatItDied()
    {
        await StartAsync("c1", Plan with { DeliveryTimeout = TimeSpan.FromMilliseconds(1) });
        var scripts = one.Get<CommandScripts>();
        GroupClaim[] claims = [];
        await Eventually.HoldsAsync(async () => (claims = await scripts.ClaimAsync(10)).Length > 0);
        Assert.Empty(await two.Get<CommandScripts>().ClaimAsync(10));
        Assert.Empty((await Two.PassTimeAsync(10, Token))!);
        Assert.InRange(await DueInMsAsync(), 1, CommandScripts.Claim.TotalMilliseconds);
        await redis.RunAsync("ZADD", "ws:due", "1.25", "g");
        Assert.Single((await Two.PassTimeAsync(10, Token))!);
        // The one that was believed dead says its word, and is not heard.
        string score = await redis.RunAsync("ZSCORE", "ws:due", "g");
        await scripts.ScheduleAsync([(claims[0], 0)]);
        Assert.Equal(score, await redis.RunAsync("ZSCORE", "ws:due", "g"));
    }

    [Theory]
    [InlineData(500, false)]
    // Later than the claim is over: it is not the group's last word any more all the same.
    [InlineData(2_000, false)]
    [InlineData(2_000, true)]
    public async Task Settle_ChangesNothing_GivenThatSomethingBeganMeanwhile(long inMs, bool wasEmpty)
    {
        var scripts = one.Get<CommandScripts>();
        await scripts.TellAsync(new Look(Group, 0));
        var claim = Assert.Single(await scripts.ClaimAsync(10)) with { WasEmpty = wasEmpty };
        await two.Get<CommandScripts>().TellAsync(new Look(Group, inMs));
        string told = await redis.RunAsync("ZSCORE", "ws:due", "g");
        await scripts.ScheduleAsync([(claim, -1)]);
        Assert.InRange(await DueInMsAsync(), -10_000, CommandScripts.Claim.TotalMilliseconds);
        Assert.Equal(told, await redis.RunAsync("ZSCORE", "ws:due", "g"));
        await scripts.TellAsync(new Look(Group, 5_000));
        Assert.Equal(told, await redis.RunAsync("ZSCORE", "ws:due", "g"));
    }

    [Fact]
    public async Task Settle_IsHeard_GivenThatItIsEarlierThanWhatWasToldMeanwhile()
    {
        var scripts = one.Get<CommandScripts>();
        await scripts.TellAsync(new Look(Group, 0));
        var claim = Assert.Single(await scripts.ClaimAsync(10));
        await two.Get<CommandScripts>().TellAsync(new Look(Group, 2_000));
        await scripts.ScheduleAsync([(claim, 0)]);
        Assert.InRange(await DueInMsAsync(), -10_000, 0);
        string told = await redis.RunAsync("ZSCORE", "ws:due", "g");
        await scripts.ScheduleAsync([(claim, 0)]);
        Assert.Equal(told, await redis.RunAsync("ZSCORE", "ws:due", "g"));
    }

    [Fact]
    public async Task Start_TellsOfItsGroupBeforeItBegins_AndBehindThat()
    {
        await redis.RunAsync("CONFIG", "SET", "slowlog-max-len", "10000", "slowlog-log-slower-than", "0");
        await StartAsync("c1", Plan);
        // Whoever had the group to look at in between has found nothing, and knew of the first already.
        await Eventually.HoldsAsync(async () =>
        {
            string[] newestFirst = (await redis.RunAsync("SLOWLOG", "GET", "10000")).Split('\n');
            int begun = Array.IndexOf(newestFirst, $"ws:running:{Tag}");
            return begun >= 0 && Array.IndexOf(newestFirst, "tell") is >= 0 and int last && last < begun
                && Array.LastIndexOf(newestFirst, "tell") > begun;
        });
    }

    [Fact]
    public async Task Connect_AsksForOneKey_GivenAGroupWithoutCommands()
    {
        await redis.RunAsync("CONFIG", "SET", "slowlog-max-len", "10000", "slowlog-log-slower-than", "0");
        Assert.Empty((await One.ConnectAsync(Group, new MemberConnected(Member, Role.Worker), Token))!);
        string asked = await redis.RunAsync("SLOWLOG", "GET", "10000");
        Assert.Contains($"ws:running:{Tag}", asked, StringComparison.Ordinal);
        Assert.DoesNotContain($"ws:executions:{Tag}", asked, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Report_TellsWhenToLook_GivenThatItIsEarlierThanBefore()
    {
        await StartAsync("c1", Plan with { InProgressTimeout = TimeSpan.FromMilliseconds(300) });
        await One.ApplyAsync(Group, "c1", new SendingConfirmed([new SentAttempt(0, 1)]), Token);
        await redis.RunAsync("ZADD", "ws:due", "9000000000000", "g");
        await SayAsync(One, "c1", ExecutionStatus.InProgress);
        await Eventually.HoldsAsync(async () => await DueInMsAsync() <= 300);
        await Eventually.HoldsAsync(async () => (await Two.PassTimeAsync(10, Token)) is [{ Command.Counts.TimedOut: 1 }]);
    }

    [Fact]
    public async Task PassTime_LooksAgainSoon_GivenAGroupInWhichNothingIsDueForLong()
    {
        await StartAsync("c1", Plan with { DeliveryTimeout = TimeSpan.FromHours(1), Deadline = TimeSpan.FromHours(2) });
        await One.ApplyAsync(Group, "c1", new SendingConfirmed([new SentAttempt(0, 1)]), Token);
        await redis.RunAsync("ZADD", "ws:due", "1", "g");
        Assert.Empty((await Two.PassTimeAsync(10, Token))!);
        Assert.InRange(await DueInMsAsync(), 1, CommandScripts.LongestRest.TotalMilliseconds);
    }

    [Fact]
    public async Task Report_IsTaken_GivenAHolderWhoseInstanceDied_AndNotWhileItLives() =>
        await TakeOverAsync(await BusHost.StartReadyAsync(redis.ConnectionString), two);

    [Fact]
    public async Task Report_IsStale_GivenAHolderOfNoInstance()
    {
        await StartAsync("c1", Plan);
        await Eventually.HoldsAsync(() => two.Health.IsSettled);
        await SayAsync(One, "c1", ExecutionStatus.InProgress, "nameless");
        Assert.Equal(Verdict.Stale, (await SayAsync(Two, "c1", ExecutionStatus.Succeeded, "other/1")).Transition.Verdict);
    }

    [Theory]
    [InlineData("HSET", $"ws:command:{Tag}:c1", "state", "in progress")]
    [InlineData("HSET", $"ws:command:{Tag}:c1", "state", "0 0 0 1 1 2 1 1 0 0 99999 1 1 1 0 1 0 0 0 0 0 0 0")]
    [InlineData("HSET", $"ws:command:{Tag}:c1", "plan", "")]
    [InlineData("HDEL", $"ws:command:{Tag}:c1", "plan")]
    [InlineData("DEL", $"ws:command:{Tag}:c1")]
    [InlineData("SET", $"ws:command:{Tag}:c1", "x")]
    [InlineData("SET", $"ws:executions:{Tag}:c1", "x")]
    [InlineData("SET", $"ws:timers:{Tag}:c1", "x")]
    [InlineData("HSET", $"ws:executions:{Tag}:c1", "0", "9 9 9")]
    [InlineData("DEL", $"ws:executions:{Tag}:c1")]
    [InlineData("ZADD", $"ws:timers:{Tag}:c1", "1", "0009", "1", "x", "-5", "-1")]
    [InlineData("ZADD", $"ws:running:{Tag}", "1", "c0", "1", "}{", "-9e300", "c9")]
    [InlineData("ZADD", "ws:due", "1", "no group", "2", "", "0", "{ws:group:g}")]
    [InlineData("HSET", $"ws:places:{Tag}:c1", "m", "x")]
    public async Task WhatSomebodyElseWrote_HoldsUpNothing(params string[] written)
    {
        var soon = Plan with { DeliveryTimeout = TimeSpan.FromSeconds(1), Deadline = TimeSpan.FromSeconds(2) };
        await StartAsync("c1", soon);
        await StartAsync("c2", soon);
        if (written[0] == "SET")
            await redis.RunAsync("DEL", written[1]);
        Assert.DoesNotContain("ERR", await redis.RunAsync(written), StringComparison.Ordinal);

        Assert.NotNull(await Two.ConnectAsync(Group, new MemberConnected(Member, Role.None), Token));
        Assert.NotNull(await Two.ListAsync(Group, null, 0, 10, Token));
        Assert.NotNull(await Two.ListAsync(Group, CommandStatus.InProgress, 0, 10, Token));
        Assert.NotNull(await Two.GetVersionsAsync(Group, ["c1", "c2"], Token));
        Assert.NotEqual(CommandFound.Unavailable, (await Two.GetAsync(Group, "c1", 0, 10, Token)).Status);
        Assert.NotEqual(CommandFound.Unavailable, (await Two.GetChangesAsync(Group, "c1", 0, 10, Token)).Status);
        var changed = await Two.ApplyAsync(Group, "c1", new TimePassed(), Token);
        Assert.True(changed.Status is CommandFound.Found or CommandFound.NotFound, $"{changed.Status}");

        List<string> ended = [];
        await Eventually.HoldsAsync(async () =>
        {
            ended.AddRange((await Two.PassTimeAsync(10, Token))!
                .Where(one => one.Command!.Status.IsEnded()).Select(one => one.Command!.Order.Id));
            return ended.Contains("c2") && await redis.RunAsync("EXISTS", $"ws:running:{Tag}") == "0";
        });
        Assert.Single(ended, "c2");
        Assert.DoesNotContain(two.Log, line => line.Contains("RedisCommandsFailed", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Store_RefusesWhatIsNewAndLong_AndLetsGoOnWhatRuns_GivenARedisThatIsFull()
    {
        await StartAsync("c1", Plan with { Attempts = 3 });
        await StartAsync("c2", Plan with { DeliveryTimeout = TimeSpan.FromMilliseconds(1) });
        await StartAsync("c3", Plan);
        await redis.RunAsync("CONFIG", "SET", "maxmemory", "1");
        var refused = await One.StartAsync(Order("c4"), [Member], Token);
        Assert.Equal((StartStatus.Unavailable, BackplaneFault.Full), (refused.Status, refused.Fault));
        Assert.Equal(CommandFound.NotFound, (await One.GetAsync(Group, "c4", 0, 1, Token)).Status);

        Assert.Equal(Verdict.Applied, (await SayAsync(One, "c1", ExecutionStatus.InProgress)).Transition.Verdict);
        var report = Report(ExecutionStatus.Succeeded, "m-1") with { Result = "{}"u8.ToArray() };
        var change = await One.ApplyAsync(Group, "c1", new MemberReported(report), Token);
        Assert.Equal((CommandFound.Unavailable, BackplaneFault.Full), (change.Status, change.Fault));
        Assert.Equal(1, (await One.GetAsync(Group, "c1", 0, 1, Token)).Command!.Counts.InProgress);
        change = await One.ApplyAsync(Group, "c3", new CancelAsked(), Token);
        Assert.Equal((CommandFound.Found, true), (change.Status, change.Command!.IsEnding));
        await redis.RunAsync("CONFIG", "SET", "maxmemory", "0");
        change = await One.ApplyAsync(Group, "c1", new MemberReported(report), Token);
        Assert.Equal(Verdict.Applied, change.Transition.Verdict);
    }

    [Fact]
    public async Task Time_GoesOn_GivenARedisThatIsFull()
    {
        await StartAsync("c1", Plan with { DeliveryTimeout = TimeSpan.FromMilliseconds(500) });
        await redis.RunAsync("CONFIG", "SET", "maxmemory", "1");
        await Eventually.HoldsAsync(
            async () => (await Two.PassTimeAsync(10, Token)) is [{ Command.Status: CommandStatus.Failed }]);
    }

    [Fact]
    public async Task Store_SaysSo_GivenARedisThatIsAway()
    {
        await StartAsync("c1", Plan);
        await redis.StopAsync();
        await Eventually.HoldsAsync(
            async () => (await One.StartAsync(Order("c2"), [Member], Token)).Status == StartStatus.Unavailable);
        await Eventually.HoldsAsync(async () => (await One.ApplyAsync(Group, "c1", new CancelAsked(), Token))
            is { Status: CommandFound.Unavailable, Fault: BackplaneFault.Unreachable });
        Assert.Null(await One.ConnectAsync(Group, new MemberConnected(Member, Role.None), Token));
        Assert.Null(await One.PassTimeAsync(10, Token));
        Assert.Null(await One.ListAsync(Group, null, 0, 10, Token));
        Assert.Null(await One.GetVersionsAsync(Group, ["c1"], Token));
        Assert.Equal(CommandFound.Unavailable, (await One.GetAsync(Group, "c1", 0, 1, Token)).Status);
        Assert.Equal(CommandFound.Unavailable, (await One.GetChangesAsync(Group, "c1", 0, 1, Token)).Status);
    }

    [Fact]
    public async Task Apply_IsUnknown_GivenARedisThatDoesNotAnswer()
    {
        await StartAsync("c1", Plan);
        redis.Pause();
        try
        {
            Assert.Equal(CommandFound.Unknown, (await One.ApplyAsync(Group, "c1", new CancelAsked(), Token)).Status);
        }
        finally
        {
            redis.Resume();
        }
        // It was let in after all, or is now: both come to the same.
        await Eventually.HoldsAsync(async () => (await One.ApplyAsync(Group, "c1", new CancelAsked(), Token))
            is { Status: CommandFound.Found, Command.IsEnding: true });
    }

    /// <summary>A member goes on at a living instance with what it began at one that dies.</summary>
    internal static async Task TakeOverAsync(BusHost dying, BusHost living)
    {
        var (first, second) = (dying.Get<ICommandStore>(), living.Get<ICommandStore>());
        string holder = NameOf(dying), other = NameOf(living);
        Assert.Equal(StartStatus.Started, (await first.StartAsync(Order("c1"), [Member], Token)).Status);
        await Eventually.HoldsAsync(() => dying.Health.IsSettled && living.Health.IsSettled);
        await SayAsync(first, "c1", ExecutionStatus.InProgress, holder);
        Assert.Equal(Verdict.Stale, (await SayAsync(second, "c1", ExecutionStatus.Succeeded, other)).Transition.Verdict);
        Assert.Equal(Verdict.Stale, (await SayAsync(first, "c1", ExecutionStatus.Succeeded, other)).Transition.Verdict);

        await dying.DisposeAsync();
        await Eventually.HoldsAsync(async () =>
            (await SayAsync(second, "c1", ExecutionStatus.InProgress, other)).Transition.Verdict == Verdict.Applied);
        // The new one has it now.
        Assert.Equal(Verdict.Stale, (await SayAsync(second, "c1", ExecutionStatus.Succeeded, holder)).Transition.Verdict);
        var change = await SayAsync(second, "c1", ExecutionStatus.Succeeded, other);
        Assert.Equal((Verdict.Applied, CommandStatus.Succeeded), (change.Transition.Verdict, change.Command!.Status));

        static string NameOf(BusHost host) => host.Get<IInstanceStatus>().Read().InstanceId + "/1";
    }

    private static CommandOrder Order(string id) => new()
    {
        Id = id,
        GroupId = Group,
        FromId = Messages.Id("giver"),
        Cmd = "go",
        Payload = "{}"u8.ToArray(),
        Plan = Plan,
    };

    private static ExecutionReport Report(ExecutionStatus status, string by) =>
        new() { Index = 0, Member = Member, By = by, Attempt = 1, Status = status };

    private async Task<CommandStart> StartAsync(
        string id, CommandPlan plan, string? requestId = null, ICommandStore? store = null)
    {
        var order = Order(id) with { Plan = plan, RequestId = requestId };
        var start = await (store ?? One).StartAsync(order, [Member], Token);
        Assert.Equal(StartStatus.Started, start.Status);
        return start;
    }

    private static async Task<CommandChange> SayAsync(
        ICommandStore store, string id, ExecutionStatus status, string by = "m-1")
    {
        var change = await store.ApplyAsync(Group, id, new MemberReported(Report(status, by)), Token);
        Assert.Equal(CommandFound.Found, change.Status);
        return change;
    }

    private async Task<double> NumberAsync(params string[] command) =>
        double.Parse(await redis.RunAsync(command), CultureInfo.InvariantCulture);

    private async Task<double> DueInMsAsync() => await NumberAsync("ZSCORE", "ws:due", "g")
        - await NumberAsync("EVAL", "local t = redis.call('TIME') return t[1] .. string.sub(t[2] + 1000000, 2, 4)", "0");
}
