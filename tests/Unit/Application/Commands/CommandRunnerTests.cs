using System.Collections.Concurrent;
using Aether.Application;
using Aether.Application.Commands;
using Aether.Application.Delivery;
using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Domain;
using Aether.Domain.Commands;
using Aether.Infrastructure.InMemory;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Xunit;

namespace Aether.Tests.Unit.Commands;

/// <summary>What is done when something happens to a command while something else is still under way.</summary>
public sealed class CommandRunnerTests : IDisposable
{
    private const string CommandId = "c1";

    private static readonly VisionId Giver = VisionId.Parse("boss");

    private readonly FakeTimeProvider time = new();
    private readonly ConcurrentQueue<Message> published = new();
    private readonly UnreliableStore store;
    private readonly CommandWatches watches;
    private readonly CommandRunner runner;
    private Func<Task> onPublish = () => Task.CompletedTask;

    public CommandRunnerTests()
    {
        store = new UnreliableStore(
            new InMemoryCommandStore(new InMemoryLeaseStore(time), new CommandOptions(), time));
        watches = new CommandWatches(store, time);
        runner = new CommandRunner(store, new FakeBus(PublishAsync), new ServerMessages(time), watches, time);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => watches.Dispose();

    [Fact]
    public async Task Do_SendsNothingMore_GivenACommandThatIsCalledOffMeanwhile()
    {
        var started = await StartAsync(members: 1_200);
        bool isOff = false;
        onPublish = async () =>
        {
            if (published.Count < 100 || isOff)
                return;
            isOff = true;
            await runner.ApplyAsync(Some.Group, CommandId, new CancelAsked(), Token);
        };

        await runner.DoAsync(started.Command!, started.Effects);

        // What was begun together is not stopped half way.
        Assert.Equal(500, published.Count(message => message.Cmd == "work"));
    }

    [Fact]
    public async Task Execution_IsLeft_GivenAReportThatIsLetInAfterItsConnectionEnded()
    {
        await StartAsync(members: 1);
        var ties = Ties("i1/old");
        ties.End();
        await ReportAsync("i1/old");
        ties.Take(new HoldingExecution(Some.Group, Execution(0), IsOpen: true));
        // Another one of the member goes on.
        await Eventually.HoldsAsync(async () => (await ReportAsync("i1/new")).Transition.Verdict != Verdict.Stale);
    }

    [Fact]
    public async Task Execution_IsKept_GivenAConnectionThatIsOpen()
    {
        await StartAsync(members: 1);
        await ReportAsync("i1/old");
        Ties("i1/old").Take(new HoldingExecution(Some.Group, Execution(0), IsOpen: true));
        Assert.Equal(Verdict.Stale, (await ReportAsync("i1/new")).Transition.Verdict);
    }

    [Fact]
    public async Task AnswerByHand_IsTaken_GivenAStoreThatCannotBeReadAtFirst()
    {
        await StartAsync(members: 1);
        store.Unreadable = 2;
        new PlainReports(store, runner).Take(Answer(), Execution(0), "i1/c");
        await Eventually.HoldsAsync(async () =>
        {
            time.Advance(TimeSpan.FromSeconds(1));
            return (await store.GetAsync(Some.Group, CommandId, 0, 1, Token)).Command!.Status == CommandStatus.Succeeded;
        });
        Assert.Equal(0, store.Unreadable);
    }

    [Fact]
    public async Task AnswerByHand_IsNotSaidToBeNone_GivenAStoreThatCannotBeRead()
    {
        await StartAsync(members: 1);
        store.Unreadable = 1;
        var taken = await new PlainReports(store, runner).TakeAsync(Answer(), Execution(0), "i1/c");
        Assert.Equal(CommandFound.Unavailable, taken?.Status);
    }

    [Theory]
    [InlineData(59, 0, true)]
    [InlineData(60, 0, false)]
    [InlineData(2, 16_384, false)]
    public async Task AnswerByHand_CountsWithoutItsResult_GivenOneThatIsTooDeepOrTooLong(int depth, int spaces, bool isKept)
    {
        await StartAsync(members: 1);
        string payload = "{\"a\":" + new string('[', depth - 1) + new string(']', depth - 1) + new string(' ', spaces) + "}";
        var message = Answer() with { Payload = System.Text.Encoding.UTF8.GetBytes(payload) };

        var taken = await new PlainReports(store, runner).TakeAsync(message, Execution(0), "i1/c");

        Assert.Equal(Verdict.Applied, taken?.Transition.Verdict);
        var page = await store.GetAsync(Some.Group, CommandId, 0, 1, Token);
        Assert.Equal(ExecutionStatus.Succeeded, page.Executions[0].Status);
        Assert.Equal(isKept ? payload : "", System.Text.Encoding.UTF8.GetString(page.Executions[0].Result.Span));
    }

    [Fact]
    public async Task Watches_OverTheLimit_LetGoOfTheOldest_AlsoAfterOneWasAskedForAgain()
    {
        var asked = new ConcurrentQueue<IReadOnlyList<string>>();
        var watched = Substitute.For<ICommandStore>();
        watched.GetChangesAsync(default, "", default, default, Token).ReturnsForAnyArgs(CommandPage.Unavailable);
        watched.GetVersionsAsync(default, Arg.Do<IReadOnlyList<string>>(asked.Enqueue), Token).ReturnsForAnyArgs((IReadOnlyList<long>?)null);
        using var all = new CommandWatches(watched, time);
        var ties = Ties("i1/a", all);
        string[] ids = [.. Enumerable.Range(0, ConnectionTies.MaxWatches).Select(static i => "c" + i)];
        // The first is asked for again, and so the second is the oldest.
        foreach (string id in ids.Append("c0").Append("new"))
            ties.Take(new WatchingCommand(Some.Group, id, After: 1));

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var running = all.RunAsync(stop.Token);
        await Eventually.HoldsAsync(
            () =>
            {
                time.Advance(CommandWatches.Pace);
                return !asked.IsEmpty;
            },
            "the watches are looked after");
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);

        Assert.True(asked.TryPeek(out var left));
        Assert.Equal(ConnectionTies.MaxWatches, left.Count);
        Assert.Equal(["c1"], ids.Append("new").Except(left));
    }

    private static ExecutionId Execution(int index) => new(CommandId, index);

    private static Message Answer() => Some.Message with
    {
        Type = MessageType.Cmd,
        Target = Target.Direct,
        Cmd = "reply",
        FromId = Member(0),
        ToId = Giver,
        ReplyTo = Execution(0).ToString(),
    };

    private static VisionId Member(int index) => VisionId.Parse("m" + index);

    private async ValueTask<PublishResult> PublishAsync(Message message, CancellationToken cancellationToken)
    {
        published.Enqueue(message);
        await onPublish();
        return PublishResult.To(1);
    }

    private async Task<CommandStart> StartAsync(int members)
    {
        var order = new CommandOrder
        {
            Id = CommandId,
            GroupId = Some.Group,
            FromId = Giver,
            Cmd = "work",
            Payload = "{}"u8.ToArray(),
            Plan = new CommandPlan(),
        };
        var started = await store.StartAsync(order, [.. Enumerable.Range(0, members).Select(Member)], Token);
        if (members == 1)
            await runner.DoAsync(started.Command!, started.Effects);
        return started;
    }

    private async Task<CommandChange> ReportAsync(string connection) => await runner.ApplyAsync(
        Some.Group,
        CommandId,
        new MemberReported(new ExecutionReport
        {
            Index = 0,
            Member = Member(0),
            By = connection,
            Attempt = 1,
            Status = ExecutionStatus.InProgress,
        }),
        Token);

    private ConnectionTies Ties(string holder, CommandWatches? own = null)
    {
        var connection = new FakeConnection(Member(0), Some.Group, new DeliveryLoops(1).Next());
        return new ConnectionTies(connection, holder, own ?? watches, runner, new ServerMessages(time), 65_536);
    }

    /// <summary>A store that cannot be read so many times.</summary>
    private sealed class UnreliableStore(ICommandStore inner) : ICommandStore
    {
        public int Unreadable { get; set; }

        public ValueTask<CommandStart> StartAsync(
            CommandOrder order, IReadOnlyList<VisionId> members, CancellationToken cancellationToken) =>
            inner.StartAsync(order, members, cancellationToken);

        public ValueTask<CommandChange> ApplyAsync(
            VisionId group, string id, CommandEvent happened, CancellationToken cancellationToken) =>
            inner.ApplyAsync(group, id, happened, cancellationToken);

        public ValueTask<bool?> HasRunningAsync(VisionId group, CancellationToken cancellationToken) =>
            inner.HasRunningAsync(group, cancellationToken);

        public ValueTask<IReadOnlyList<CommandChange>?> ConnectAsync(
            VisionId group, MemberConnected member, CancellationToken cancellationToken) =>
            inner.ConnectAsync(group, member, cancellationToken);

        public ValueTask<IReadOnlyList<CommandChange>?> PassTimeAsync(int limit, CancellationToken cancellationToken) =>
            inner.PassTimeAsync(limit, cancellationToken);

        public ValueTask<CommandPage> GetAsync(
            VisionId group, string id, int offset, int limit, int maxBytes, CancellationToken cancellationToken)
        {
            if (Unreadable == 0)
                return inner.GetAsync(group, id, offset, limit, maxBytes, cancellationToken);
            Unreadable--;
            return new(CommandPage.Unavailable);
        }

        public ValueTask<CommandPage> GetChangesAsync(
            VisionId group, string id, long after, int limit, CancellationToken cancellationToken) =>
            inner.GetChangesAsync(group, id, after, limit, cancellationToken);

        public ValueTask<IReadOnlyList<long>?> GetVersionsAsync(
            VisionId group, IReadOnlyList<string> ids, CancellationToken cancellationToken) =>
            inner.GetVersionsAsync(group, ids, cancellationToken);

        public ValueTask<CommandList?> ListAsync(
            VisionId group, CommandStatus? status, int offset, int limit, CancellationToken cancellationToken) =>
            inner.ListAsync(group, status, offset, limit, cancellationToken);
    }
}
