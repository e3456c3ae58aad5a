using Aether.Application;
using Aether.Application.Ports;
using Aether.Domain;
using Aether.Domain.Commands;
using Aether.Infrastructure.InMemory;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>When memory does what is due, and for how long it keeps what has ended, by a clock that a test moves.</summary>
public sealed class InMemoryCommandStoreTests
{
    private static readonly VisionId Member = VisionId.Parse("m");
    private readonly FakeTimeProvider time = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly InMemoryLeaseStore leases;
    private readonly InMemoryCommandStore store;

    public InMemoryCommandStoreTests()
    {
        leases = new InMemoryLeaseStore(time);
        store = new InMemoryCommandStore(
            leases, new CommandOptions { Retention = Duration.FromSeconds(100), Running = 2 }, time);
    }

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task PassTime_DoesNothing_UntilSomethingIsDue_ByTheClock()
    {
        await StartAsync("c1", Some.Group, new CommandPlan { DeliveryTimeout = TimeSpan.FromSeconds(1) });
        time.Advance(TimeSpan.FromMilliseconds(999));
        Assert.Empty(await PassTimeAsync());
        time.Advance(TimeSpan.FromMilliseconds(1));
        var change = Assert.Single(await PassTimeAsync());
        Assert.Equal((CommandStatus.Failed, 1), (change.Command!.Status, change.Command.Counts.Undeliverable));
        Assert.Empty(await PassTimeAsync());
    }

    [Fact]
    public async Task PassTime_LooksAtEveryGroup_AndNoMoreCommandsThanItMay()
    {
        var plan = new CommandPlan { Deadline = TimeSpan.FromSeconds(1) };
        await StartAsync("c1", Some.Group, plan);
        await StartAsync("c2", Some.Group, plan);
        await StartAsync("c3", Some.OtherGroup, plan);
        time.Advance(TimeSpan.FromSeconds(1));
        var done = new List<CommandChange>(await PassTimeAsync(2));
        Assert.Equal(2, done.Count);
        done.AddRange(await PassTimeAsync(2));
        Assert.Equal(["c1", "c2", "c3"], done.Select(one => one.Command!.Order.Id).Order());
        Assert.All(done, one => Assert.Equal(CommandStatus.TimedOut, one.Command!.Status));
    }

    [Fact]
    public async Task PassTime_TellsHowLongItHadBeenDue()
    {
        await StartAsync("c1", Some.Group, new CommandPlan { DeliveryTimeout = TimeSpan.FromSeconds(1) });
        time.Advance(TimeSpan.FromMilliseconds(1_250));
        Assert.Equal(250, Assert.Single(await PassTimeAsync()).LateMs);
    }

    [Fact]
    public async Task PassTime_IsDueEarlier_GivenAWordThatBringsAnEarlierLimit()
    {
        await StartAsync("c1", Some.Group, new CommandPlan { InProgressTimeout = TimeSpan.FromMilliseconds(100) });
        await ReportAsync("c1", ExecutionStatus.InProgress);
        time.Advance(TimeSpan.FromMilliseconds(100));
        Assert.Equal(1, Assert.Single(await PassTimeAsync()).Command!.Counts.TimedOut);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Command_IsKeptForItsTimeAfterItsEnd_WhetherSomebodyAsksOrNot(bool isAsked)
    {
        await StartAsync("c1", Some.Group, new CommandPlan());
        time.Advance(TimeSpan.FromSeconds(50));
        await ReportAsync("c1", ExecutionStatus.Succeeded);
        time.Advance(TimeSpan.FromSeconds(99.999));
        Assert.Equal(CommandFound.Found, (await GetAsync("c1")).Status);
        Assert.Equal(StartStatus.Repeated, (await StartAsync("c2", Some.Group, new CommandPlan())).Status);
        time.Advance(TimeSpan.FromMilliseconds(1));
        if (!isAsked)
            Assert.Empty(await PassTimeAsync());
        Assert.Equal(CommandFound.NotFound, (await GetAsync("c1")).Status);
        Assert.Equal(0, (await store.ListAsync(Some.Group, null, 0, 10, Cancelled))!.Total);
        Assert.Equal(StartStatus.Started, (await StartAsync("c2", Some.Group, new CommandPlan())).Status);
    }

    [Fact]
    public async Task Command_StaysWhileItRuns_HoweverLongThatIs()
    {
        await StartAsync("c1", Some.Group, new CommandPlan { Deadline = TimeSpan.FromHours(1) });
        await ReportAsync("c1", ExecutionStatus.InProgress);
        time.Advance(TimeSpan.FromMinutes(59));
        Assert.Equal(CommandStatus.InProgress, (await GetAsync("c1")).Command!.Status);
    }

    [Fact]
    public async Task Start_IsRefused_GivenALeaseThatHasEnded()
    {
        await leases.AcquireAsync(Some.Group, Member, Some.Client, TimeSpan.FromSeconds(10), Cancelled);
        var order = Order("c1", Some.Group, new CommandPlan()) with { Lease = new LeaseClaim(Member, 1) };
        time.Advance(TimeSpan.FromMilliseconds(9_999));
        Assert.Equal(StartStatus.Started, (await store.StartAsync(order, [Member], Cancelled)).Status);
        time.Advance(TimeSpan.FromMilliseconds(1));
        order = order with { Id = "c2", RequestId = "another" };
        Assert.Equal(StartStatus.StaleTerm, (await store.StartAsync(order, [Member], Cancelled)).Status);
    }

    [Fact]
    public async Task Start_LeavesNothing_GivenGroupsInWhichNothingBegan()
    {
        for (int i = 0; i < 1_000; i++)
        {
            var order = Order("c1", VisionId.Parse("g" + i), new CommandPlan());
            Assert.Equal(StartStatus.NoRecipients, (await store.StartAsync(order, [], Cancelled)).Status);
        }
        Assert.Equal(0, store.Groups);
    }

    private static CommandOrder Order(string id, VisionId group, CommandPlan plan) => new()
    {
        Id = id,
        GroupId = group,
        FromId = Some.Client,
        RequestId = group == Some.Group && plan == new CommandPlan() ? "same" : id,
        Cmd = "go",
        Payload = "{}"u8.ToArray(),
        Plan = plan,
    };

    private ValueTask<CommandStart> StartAsync(string id, VisionId group, CommandPlan plan) =>
        store.StartAsync(Order(id, group, plan), [Member], Cancelled);

    private ValueTask<CommandPage> GetAsync(string id) => store.GetAsync(Some.Group, id, 0, 10, Cancelled);

    private async Task<IReadOnlyList<CommandChange>> PassTimeAsync(int limit = 10) =>
        (await store.PassTimeAsync(limit, Cancelled))!;

    private async Task ReportAsync(string id, ExecutionStatus status)
    {
        var report = new ExecutionReport { Index = 0, Member = Member, By = "x", Attempt = 1, Status = status };
        var change = await store.ApplyAsync(Some.Group, id, new MemberReported(report), Cancelled);
        Assert.Equal(Verdict.Applied, change.Transition.Verdict);
    }
}
