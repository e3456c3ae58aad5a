using System.Text;
using Aether.Application;
using Aether.Application.Ports;
using Aether.Domain;
using Aether.Domain.Commands;
using Aether.Tests.Integration.Fixtures;
using Xunit;
using static Aether.Domain.Commands.ExecutionStatus;

namespace Aether.Tests.Integration;

/// <summary>What every store of commands does, whatever keeps them. Two instances share what it keeps.</summary>
public abstract class CommandStoreContract : IAsyncLifetime
{
    /// <summary>How many commands of a group may run here.</summary>
    protected const int Most = 3;

    private static readonly VisionId Group = Messages.Id("g");
    private static readonly VisionId Giver = Messages.Id("giver");
    private static readonly CommandPlan Plan = new();

    private int lastId;

    private protected ICommandStore One { get; private set; } = null!;

    private protected ICommandStore Two { get; private set; } = null!;

    private protected ILeaseStore Leases { get; private set; } = null!;

    protected static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => (One, Two, Leases) = await StartAsync();

    public abstract ValueTask DisposeAsync();

    [Fact]
    public async Task Start_SendsToThoseWhoseTurnItIs_AndEverybodyCanReadIt()
    {
        var order = Order(Plan with { MaxConcurrency = Amount.FromCount(2) }) with
        {
            Msg = "Grüße",
            Payload = """{"a":[1,"\u00e9"]}"""u8.ToArray(),
        };
        var start = await One.StartAsync(order, Members(3), Token);
        Assert.Equal(StartStatus.Started, start.Status);
        Assert.Equal("m0/1 m1/1", Sends(start.Effects));

        var page = await Two.GetAsync(Group, order.Id, 0, 100, Token);
        Assert.Equal(CommandFound.Found, page.Status);
        Assert.Equal("sent sent queued", States(page));
        var read = page.Command!;
        Assert.Equal(
            (CommandStatus.InProgress, 1, 3L, 0L), (read.Status, read.Batch, read.Version, read.EndedAt));
        Assert.Equal(60_000, read.DeadlineAt - read.CreatedAt);
        Assert.Equal(
            (order.Id, order.FromId, order.Cmd, order.Msg), (read.Order.Id, read.Order.FromId, read.Order.Cmd, read.Order.Msg));
        Assert.Equal(order.Payload.ToArray(), read.Order.Payload.ToArray());
        Assert.Equal(
            ["m1", "m2"], (await One.GetAsync(Group, order.Id, 1, 2, Token)).Executions.Select(one => one.Member.Value));
    }

    [Fact]
    public async Task Command_IsAsAnyOther_GivenThatTheServerItselfGaveIt()
    {
        var order = Order(Plan) with { FromId = VisionId.Server, RequestId = "r1" };
        await One.StartAsync(order, Members(2), Token);

        Assert.Equal(VisionId.Server, (await Two.GetAsync(Group, order.Id, 0, 2, Token)).Command?.Order.FromId);
        Assert.Equal(order.Id, Assert.Single((await Two.ListAsync(Group, null, 0, 10, Token))!.Commands).Order.Id);
        Assert.Equal(
            (StartStatus.Repeated, order.Id),
            ((await Two.StartAsync(order with { Id = "x" }, [], Token)) is var again ? (again.Status, again.Command!.Order.Id) : default));
        Assert.Equal(Verdict.Applied, (await SayAsync(Two, order.Id, 0, Succeeded)).Transition.Verdict);
        await Two.ApplyAsync(Group, order.Id, new CancelAsked(), Token);
        await SayAsync(One, order.Id, 1, Canceled);
        Assert.Equal(CommandStatus.Canceled, (await Two.GetAsync(Group, order.Id, 0, 0, Token)).Command?.Status);
    }

    [Fact]
    public async Task Start_IsTheSameCommand_GivenTheSameGiverAndRequest_AlsoAfterItsEnd()
    {
        var order = Order(Plan) with { RequestId = "r1" };
        await One.StartAsync(order, Members(1), Token);
        var again = await Two.StartAsync(Order(Plan) with { RequestId = "r1" }, Members(2), Token);
        Assert.Equal((StartStatus.Repeated, order.Id, 1), (again.Status, again.Command!.Order.Id, again.Command.Counts.Total));
        Assert.Empty(again.Effects);

        var other = Order(Plan) with { RequestId = "r1", FromId = Messages.Id("other") };
        Assert.Equal(StartStatus.Started, (await One.StartAsync(other, Members(1), Token)).Status);
        await SayAsync(One, order.Id, 0, Succeeded);
        again = await Two.StartAsync(order with { Id = "x" }, Members(1), Token);
        Assert.Equal((StartStatus.Repeated, CommandStatus.Succeeded), (again.Status, again.Command!.Status));
    }

    [Fact]
    public async Task Start_BeginsNothing_GivenNobody_UnlessItHadBegunBefore()
    {
        var order = Order(Plan) with { RequestId = "r1" };
        Assert.Equal(StartStatus.NoRecipients, (await One.StartAsync(order, [], Token)).Status);
        Assert.Equal(0, (await One.ListAsync(Group, null, 0, 10, Token))!.Total);
        await One.StartAsync(order, Members(1), Token);
        var again = await Two.StartAsync(Order(Plan) with { RequestId = "r1" }, [], Token);
        Assert.Equal((StartStatus.Repeated, order.Id), (again.Status, again.Command!.Order.Id));
    }

    [Fact]
    public async Task Start_BeginsOneCommand_GivenManyThatTryTheSameAtOnce()
    {
        var starts = await Task.WhenAll(Enumerable.Range(0, 30).Select(i => Task.Run(
            () => (i % 2 == 0 ? One : Two).StartAsync(Order(Plan) with { RequestId = "r1" }, Members(1), Token).AsTask(),
            Token)));
        var first = Assert.Single(starts, start => start.Status == StartStatus.Started);
        Assert.All(starts, start => Assert.Equal(first.Command!.Order.Id, start.Command!.Order.Id));
        Assert.Equal(1, (await One.ListAsync(Group, null, 0, 10, Token))!.Total);
    }

    [Fact]
    public async Task Start_IsRefused_GivenAsManyThatRunInTheGroup_UntilOneHasEnded()
    {
        var ids = new List<string>();
        for (int i = 0; i < Most; i++)
            ids.Add(await StartAsync(Plan, 1));
        Assert.Equal(StartStatus.TooMany, (await Two.StartAsync(Order(Plan), Members(1), Token)).Status);
        var elsewhere = Order(Plan) with { GroupId = Messages.Id("g2") };
        Assert.Equal(StartStatus.Started, (await Two.StartAsync(elsewhere, Members(1), Token)).Status);
        await SayAsync(Two, ids[1], 0, Rejected);
        Assert.Equal(StartStatus.Started, (await Two.StartAsync(Order(Plan), Members(1), Token)).Status);
    }

    [Fact]
    public async Task Start_NeedsTheLease_GivenOne()
    {
        var name = Messages.Id("lead");
        Assert.Equal(StartStatus.StaleTerm, await StartUnderAsync(1));
        await Leases.AcquireAsync(Group, name, Giver, TimeSpan.FromSeconds(60), Token);
        Assert.Equal(StartStatus.StaleTerm, await StartUnderAsync(2));
        Assert.Equal(StartStatus.StaleTerm, await StartUnderAsync(0));
        Assert.Equal(StartStatus.Started, await StartUnderAsync(1, "r1"));
        await Leases.ReleaseAsync(Group, new LeaseClaim(name, 1), Giver, Token);
        Assert.Equal(StartStatus.StaleTerm, await StartUnderAsync(1));
        Assert.Equal(StartStatus.Repeated, await StartUnderAsync(1, "r1"));
        await Leases.AcquireAsync(Group, name, Messages.Id("other"), TimeSpan.FromSeconds(60), Token);
        Assert.Equal(StartStatus.StaleTerm, await StartUnderAsync(2));
        Assert.Equal(1, (await One.ListAsync(Group, null, 0, 10, Token))!.Total);

        async Task<StartStatus> StartUnderAsync(long term, string? requestId = null) => (await Two.StartAsync(
            Order(Plan) with { Lease = new LeaseClaim(name, term), RequestId = requestId }, Members(1), Token)).Status;
    }

    [Fact]
    public async Task Apply_FindsNothing_GivenAnotherGroupOrId()
    {
        string id = await StartAsync(Plan, 1);
        Assert.Equal(CommandFound.NotFound, (await One.ApplyAsync(Messages.Id("g2"), id, new CancelAsked(), Token)).Status);
        Assert.Equal(CommandFound.NotFound, (await One.ApplyAsync(Group, id + "x", new CancelAsked(), Token)).Status);
        Assert.Equal(CommandFound.NotFound, (await One.GetAsync(Group, "none", 0, 10, Token)).Status);
        Assert.Equal(CommandFound.NotFound, (await One.GetChangesAsync(Messages.Id("g2"), id, 0, 10, Token)).Status);
    }

    [Fact]
    public async Task Apply_KeepsWhatAMemberSays_ByteForByte()
    {
        string id = await StartAsync(Plan with { Attempts = 2 }, 2);
        await SayAsync(One, id, 0, InProgress, more: """{"done": 1e400}""");
        var change = await SayAsync(Two, id, 0, Succeeded, more: """{"r":"é\u00e9"}""");
        Assert.Equal(
            (Verdict.Applied, Succeeded, 1), (change.Transition.Verdict, change.Transition.Status, change.Command!.Counts.Succeeded));
        change = await SayAsync(Two, id, 1, Failed);
        Assert.Equal("m1/2", Sends(change.Transition.Effects));
        Assert.Equal(Verdict.Stale, (await SayAsync(One, id, 1, Succeeded, attempt: 1)).Transition.Verdict);

        var rows = (await One.GetAsync(Group, id, 0, 10, Token)).Executions;
        Assert.Equal("""{"done": 1e400}""", Encoding.UTF8.GetString(rows[0].Progress.Span));
        Assert.Equal("""{"r":"é\u00e9"}""", Encoding.UTF8.GetString(rows[0].Result.Span));
        Assert.Equal(new ExecutionError("broken", "Ö"), rows[1].Error);
        Assert.Equal((1, Succeeded), (rows[1].Late!.Attempt, rows[1].Late!.Status));
        Assert.Equal((Sent, 2), (rows[1].Status, rows[1].Attempt));
    }

    [Theory]
    [InlineData(Succeeded)]
    [InlineData(Failed)]
    [InlineData(Rejected)]
    [InlineData(Canceled)]
    public async Task Apply_ConfirmsAnEnd_GivenAConnectionThatCameAfterTheOneThatSaidIt(ExecutionStatus end)
    {
        string id = await StartAsync(Plan, 2);
        Assert.Equal(Verdict.Applied, (await SayAsync(One, id, 0, InProgress, by: "x-1")).Transition.Verdict);
        Assert.Equal(Verdict.Applied, (await SayAsync(One, id, 0, end, by: "x-1")).Transition.Verdict);
        var again = await SayAsync(Two, id, 0, end, by: "x-2");
        Assert.Equal((Verdict.Unchanged, end, false), (again.Transition.Verdict, again.Transition.Status, again.Transition.IsCanceled));
        Assert.Equal(Verdict.Stale, (await SayAsync(Two, id, 0, InProgress, by: "x-2")).Transition.Verdict);
        Assert.Equal(
            Verdict.Stale, (await SayAsync(Two, id, 0, end == Failed ? Rejected : Failed, by: "x-2")).Transition.Verdict);
        await SayAsync(One, id, 1, Succeeded);
        Assert.Equal(Verdict.Unchanged, (await SayAsync(Two, id, 0, end, by: "x-3")).Transition.Verdict);
        Assert.Null((await One.GetAsync(Group, id, 0, 1, Token)).Executions[0].Late);
    }

    [Fact]
    public async Task Apply_DecidesOnce_GivenManyWordsAtTwoInstancesAtOnce()
    {
        const int Count = 200;
        string id = await StartAsync(Plan with { MaxConcurrency = Amount.FromCount(20), Batches = [Amount.FromCount(50)] }, Count);
        var sends = new List<string>();
        var ends = new List<CommandStatus>();
        while (ends.Count == 0)
        {
            var page = await One.GetAsync(Group, id, 0, Count, Token);
            var open = page.Executions.Where(one => one.Status == Sent).ToList();
            Assert.InRange(open.Count, 1, 20);
            Assert.Equal(Count, page.Command!.Counts.Total);
            // Each says it twice, once to each instance.
            var changes = await Task.WhenAll(open.SelectMany(one => new[] { One, Two }.Select(store => Task.Run(
                () => SayAsync(store, id, one.Index, Succeeded, attempt: one.Attempt), Token))));
            Assert.Equal(open.Count, changes.Count(change => change.Transition.Verdict == Verdict.Applied));
            sends.AddRange(changes.SelectMany(change => change.Transition.Effects).Select(one => $"{one.Member}/{one.Attempt}"));
            ends.AddRange(changes
                .Where(change => change.Transition.Verdict == Verdict.Applied && change.Command!.Status.IsEnded())
                .Select(change => change.Command!.Status));
        }
        Assert.Equal([CommandStatus.Succeeded], ends);
        Assert.Equal(
            Enumerable.Range(20, Count - 20).Select(i => $"m{i}/1").Order(), sends.Order());
        Assert.Equal(Count, (await Two.GetAsync(Group, id, 0, 1, Token)).Command!.Counts.Succeeded);
    }

    [Fact]
    public async Task Resume_StartsABatchOnce_GivenManyThatAskAtOnce()
    {
        string id = await StartAsync(Plan with { Batches = [Amount.FromCount(1), Amount.FromCount(1)], Pause = true }, 4);
        await SayAsync(One, id, 0, Succeeded);
        var changes = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Task.Run(
            () => (i % 2 == 0 ? One : Two).ApplyAsync(Group, id, new ResumeAsked(), Token).AsTask(), Token)));
        var applied = Assert.Single(changes, change => change.Transition.Verdict == Verdict.Applied);
        Assert.Equal("m1/1 m2/1 m3/1", Sends(applied.Transition.Effects));
        Assert.All(changes, change => Assert.True(change == applied || change.Transition.Effects.Count == 0));
    }

    [Fact]
    public async Task PassTime_DoesWhatIsDueOnce_GivenTwoInstancesThatAsk()
    {
        var short1 = Plan with { DeliveryTimeout = TimeSpan.FromMilliseconds(200) };
        string[] ids = [await StartAsync(short1, 5), await StartAsync(short1, 5)];
        string late = await StartAsync(Plan with { DeliveryTimeout = TimeSpan.FromHours(1) }, 1);
        await ConfirmAsync(late, 1);
        var changes = new List<CommandChange>();
        await Eventually.HoldsAsync(async () =>
        {
            var found = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(
                () => (i % 2 == 0 ? One : Two).PassTimeAsync(1, Token).AsTask(), Token)));
            Assert.All(found, one => Assert.InRange(one!.Count, 0, 1));
            changes.AddRange(found.SelectMany(one => one!));
            return changes.Count(one => one.Command!.Status.IsEnded()) >= 2;
        });
        Assert.Equal(ids.Order(), changes.Where(one => one.Transition.Verdict == Verdict.Applied && one.Command!.Status.IsEnded())
            .Select(one => one.Command!.Order.Id).Order());
        foreach (string id in ids)
            Assert.Equal(5, (await One.GetAsync(Group, id, 0, 1, Token)).Command!.Counts.Undeliverable);
        Assert.Equal("sent", States(await One.GetAsync(Group, late, 0, 1, Token)));
        Assert.All(changes, one => Assert.InRange(one.LateMs!.Value, 0, 60_000));
    }

    [Fact]
    public async Task PassTime_TellsHowLongItHadBeenDue_AndNothingElseDoes()
    {
        string id = await StartAsync(Plan with { DeliveryTimeout = TimeSpan.FromMilliseconds(1) }, 1);
        Assert.Null((await One.ApplyAsync(Group, id, new ResumeAsked(), Token)).LateMs);
        IReadOnlyList<CommandChange>? due = [];
        await Eventually.HoldsAsync(async () => (due = await Two.PassTimeAsync(10, Token))!.Count > 0);
        var change = Assert.Single(due!);
        Assert.Equal(change.Command!.EndedAt, change.Command.CreatedAt + 1 + change.LateMs);
    }

    [Fact]
    public async Task PassTime_SendsAgainWhatNobodyConfirmed()
    {
        string id = await StartAsync(Plan with { DeliveryTimeout = TimeSpan.FromHours(1), Deadline = TimeSpan.FromHours(2) }, 2);
        await One.ApplyAsync(Group, id, new SendingConfirmed([new SentAttempt(0, 1)]), Token);
        IReadOnlyList<CommandChange>? due = [];
        await Eventually.HoldsAsync(async () => (due = await Two.PassTimeAsync(10, Token))!.Count > 0);
        var change = Assert.Single(due!);
        Assert.Equal(("m1/1", id), (Sends(change.Transition.Effects), change.Command!.Order.Id));
    }

    [Fact]
    public async Task Connect_SendsWhatWasNotTaken_OfEachCommandThatRuns()
    {
        string first = await StartAsync(Plan, 2);
        string second = await StartAsync(Plan with { IsContinuous = true, Role = Role.Worker }, 1);
        string over = await StartAsync(Plan, 1);
        await SayAsync(One, over, 0, Rejected);

        Assert.Equal($"{first} m0/1, {second} m0/1", await ConnectAsync("m0"));
        await SayAsync(One, first, 0, InProgress);
        Assert.Equal($"{second} m0/1", await ConnectAsync("m0"));
        Assert.Equal("", await ConnectAsync("stranger"));
        Assert.Equal($"{second} new/1", await ConnectAsync("new", Role.Worker));
        Assert.Equal(2, (await One.GetAsync(Group, second, 0, 1, Token)).Command!.Counts.Total);

        async Task<string> ConnectAsync(string member, Role role = Role.None)
        {
            var changes = await Two.ConnectAsync(Group, new MemberConnected(Messages.Id(member), role), Token);
            return string.Join(", ", changes!
                .Select(change => $"{change.Command!.Order.Id} {Sends(change.Transition.Effects)}").Order());
        }
    }

    [Fact]
    public async Task Connect_DoesNotTakeInTheGiver_UnlessItIsATargetAnyway()
    {
        string id = await StartAsync(Plan with { IsContinuous = true }, 1);
        Assert.Empty((await Two.ConnectAsync(Group, new MemberConnected(Giver, Role.None), Token))!);
        Assert.Equal(1, (await One.GetAsync(Group, id, 0, 1, Token)).Command!.Counts.Total);

        var named = await One.StartAsync(Order(Plan with { IsContinuous = true }), [Giver], Token);
        var changes = await Two.ConnectAsync(Group, new MemberConnected(Giver, Role.None), Token);
        var change = Assert.Single(changes!);
        Assert.Equal(
            (named.Command!.Order.Id, "giver/1", 1),
            (change.Command!.Order.Id, Sends(change.Transition.Effects), change.Command.Counts.Total));
    }

    [Theory]
    [InlineData(4, 1, CommandStatus.Paused)]
    [InlineData(0, 2, CommandStatus.InProgress)]
    public async Task Batch_IsHeldToItsOwnPart_WhateverTheOneBeforeItDid(int before, int succeeded, CommandStatus status)
    {
        var plan = Plan with
        {
            MinSucceeded = Amount.FromShare(0.5m),
            Batches = [Amount.FromCount(4), Amount.FromCount(8)],
        };
        string id = await StartAsync(plan, 12);
        for (int i = 0; i < 4; i++)
            await SayAsync(One, id, i, i < before ? Succeeded : Failed);
        await Two.ApplyAsync(Group, id, new ResumeAsked(), Token);
        for (int i = 4; i < 8; i++)
            await SayAsync(One, id, i, i < 4 + succeeded ? Succeeded : Failed);
        Assert.Equal(status, (await Two.GetAsync(Group, id, 0, 0, Token)).Command!.Status);
    }

    [Fact]
    public async Task GetChanges_GivesWhatChangedSince_InItsOrder()
    {
        string id = await StartAsync(Plan, 3);
        long version = (await One.GetAsync(Group, id, 0, 0, Token)).Command!.Version;
        await SayAsync(One, id, 2, InProgress);
        await SayAsync(One, id, 0, Succeeded);
        var page = await Two.GetChangesAsync(Group, id, version, 10, Token);
        Assert.Equal(["m2", "m0"], page.Executions.Select(one => one.Member.Value));
        Assert.Equal([version + 1, version + 2], page.Executions.Select(one => one.Version));
        Assert.Equal(version + 2, page.Command!.Version);
        Assert.Equal(["m2"], (await Two.GetChangesAsync(Group, id, version, 1, Token)).Executions.Select(one => one.Member.Value));
        Assert.Empty((await Two.GetChangesAsync(Group, id, version + 2, 10, Token)).Executions);
    }

    [Fact]
    public async Task GetVersions_GivesThatOfEach_AndNoneOfWhatIsNotThere()
    {
        string[] ids = [await StartAsync(Plan, 1), await StartAsync(Plan, 3)];
        await SayAsync(One, ids[1], 0, InProgress);
        long[] versions = [.. (await Two.GetVersionsAsync(Group, [ids[1], "none", ids[0]], Token))!];
        Assert.Equal([5, 0, 2], versions);
        Assert.Equal([0], (await Two.GetVersionsAsync(Messages.Id("g2"), [ids[0]], Token))!);
        Assert.Empty((await Two.GetVersionsAsync(Group, [], Token))!);
        string[] many = [.. Enumerable.Range(0, 2_500).Select(i => i == 2_400 ? ids[0] : "x" + i)];
        var found = await One.GetVersionsAsync(Group, many, Token);
        Assert.Equal((2_500, 2L, 2L), (found!.Count, found[2_400], found.Sum()));
    }

    [Theory]
    [InlineData("report")]
    [InlineData("confirmation")]
    [InlineData("time")]
    public async Task Apply_SaysOnce_ThatTheCommandEnded_WhateverNoticesTheDeadlineFirst(string first)
    {
        string id = await StartAsync(Plan with { Deadline = TimeSpan.FromMilliseconds(100), DeliveryTimeout = TimeSpan.FromMilliseconds(100) }, 1);
        CommandChange change = default;
        await Eventually.HoldsAsync(async () =>
        {
            change = first switch
            {
                "report" => await SayAsync(One, id, 0, InProgress),
                "confirmation" => await One.ApplyAsync(Group, id, new SendingConfirmed([new SentAttempt(0, 1)]), Token),
                _ => await One.PassTimeAsync(10, Token) is [var due, ..] ? due : default,
            };
            Assert.Equal(change.Command?.Status.IsEnded() == true, change.Transition.HasEnded);
            return change.Transition.HasEnded;
        });
        Assert.False((await SayAsync(Two, id, 0, Succeeded)).Transition.HasEnded);
        Assert.False((await Two.ApplyAsync(Group, id, new CancelAsked(), Token)).Transition.HasEnded);
    }

    [Fact]
    public async Task Get_GivesNoMoreThanFit_AndOneAtLeast()
    {
        const int Count = 40;
        string id = await StartAsync(Plan, Count);
        for (int i = 0; i < Count; i++)
            await SayAsync(One, id, i, Succeeded, more: Long);

        var page = await Two.GetAsync(Group, id, 0, Count, 3 * 16_384, Token);
        Assert.Equal((3, true), (page.Executions.Count, page.IsCut));
        Assert.Equal(16_000, page.Executions[2].Result.Length);
        page = await Two.GetAsync(Group, id, 3, Count, 1, Token);
        Assert.Equal((3, true), (Assert.Single(page.Executions).Index, page.IsCut));
        page = await Two.GetAsync(Group, id, Count - 2, 2, 3 * 16_384, Token);
        Assert.Equal((2, false), (page.Executions.Count, page.IsCut));
        page = await Two.GetAsync(Group, id, 0, Count, Token);
        Assert.Equal((Count, false), (page.Executions.Count, page.IsCut));
    }

    [Fact]
    public async Task Changes_AreNoLongerThanAnAnswer_AndAllAreThereForWhoGoesOn()
    {
        const int Count = 150;
        string id = await StartAsync(Plan, Count);
        for (int i = 0; i < Count; i++)
            await SayAsync(One, id, i, Succeeded, more: Long);

        var read = new List<int>();
        bool isCut = true;
        for (long after = 0; isCut;)
        {
            var page = await Two.GetChangesAsync(Group, id, after, 500, Token);
            Assert.InRange(page.Executions.Sum(one => one.Result.Length), 1, CommandPage.MaxBytes);
            read.AddRange(page.Executions.Select(one => one.Index));
            (after, isCut) = (page.Executions[^1].Version, page.IsCut);
        }
        Assert.Equal(Enumerable.Range(0, Count), read);
    }

    [Fact]
    public async Task List_HasNeitherTextNorPayload_WhichAreNotToldInOne()
    {
        string id = await StartAsync(Plan, 1);
        var order = Order(Plan) with { Msg = "please", Payload = Encoding.UTF8.GetBytes(Long), RequestId = "r1" };
        await One.StartAsync(order, Members(1), Token);
        var list = (await Two.ListAsync(Group, null, 0, 10, Token))!;
        Assert.Equal([order.Id, id], list.Commands.Select(one => one.Order.Id));
        Assert.All(list.Commands, one => Assert.True(one.Order.Payload.IsEmpty && one.Order.Msg is null));
        Assert.Equal((order.Cmd, Giver, "r1"), (list.Commands[0].Order.Cmd, list.Commands[0].Order.FromId, list.Commands[0].Order.RequestId));
        var whole = (await Two.GetAsync(Group, order.Id, 0, 1, Token)).Command!.Order;
        Assert.Equal(("please", Long), (whole.Msg, Encoding.UTF8.GetString(whole.Payload.Span)));
    }

    [Fact]
    public async Task List_GivesTheNewestFirst_ByStatusAndPage()
    {
        Assert.Equal((0, 0), Count(await One.ListAsync(Group, null, 0, 10, Token)));
        string[] ids = [await StartAsync(Plan, 1), await StartAsync(Plan, 1), await StartAsync(Plan, 1)];
        await SayAsync(One, ids[1], 0, Succeeded);
        var all = await Two.ListAsync(Group, null, 0, 10, Token);
        Assert.Equal(ids.Reverse(), all!.Commands.Select(one => one.Order.Id));
        var run = await Two.ListAsync(Group, CommandStatus.InProgress, 1, 1, Token);
        Assert.Equal((ids[0], 2), (Assert.Single(run!.Commands).Order.Id, run.Total));
        Assert.Equal((0, 3), Count(await Two.ListAsync(Group, null, 3, 10, Token)));
        await SayAsync(One, ids[2], 0, Succeeded);
        var ended = await Two.ListAsync(Group, CommandStatus.Succeeded, 0, 10, Token);
        Assert.Equal([ids[2], ids[1]], ended!.Commands.Select(one => one.Order.Id));
        Assert.Equal((1, 2), Count(await Two.ListAsync(Group, CommandStatus.Succeeded, 1, 10, Token)));
        Assert.Equal((0, 0), Count(await Two.ListAsync(Group, CommandStatus.Failed, 0, 10, Token)));
    }

    private protected abstract Task<(ICommandStore One, ICommandStore Two, ILeaseStore Leases)> StartAsync();

    /// <summary>The options that the contract is about.</summary>
    private protected static void Configure(CommandOptions options) => options.Running = Most;

    private static (int Count, int Total) Count(CommandList? list) => (list!.Commands.Count, list.Total);

    private static VisionId[] Members(int count) => [.. Enumerable.Range(0, count).Select(i => Messages.Id($"m{i}"))];

    private static string Sends(IReadOnlyList<Effect> effects) => string.Join(
        ' ', effects.Where(one => one.Kind == EffectKind.Send).Select(one => $"{one.Member}/{one.Attempt}"));

    /// <summary>An object as long as a result may be, nearly.</summary>
    private static string Long { get; } = "{\"x\":\"" + new string('x', 16_000 - 8) + "\"}";

    private static string States(CommandPage page) =>
        string.Join(' ', page.Executions.Select(one => one.Status.ToWire()));

    private CommandOrder Order(CommandPlan plan) => new()
    {
        Id = "c" + Interlocked.Increment(ref lastId),
        GroupId = Group,
        FromId = Giver,
        Cmd = "go",
        Payload = "{}"u8.ToArray(),
        Plan = plan,
    };

    private async Task<string> StartAsync(CommandPlan plan, int members)
    {
        var start = await One.StartAsync(Order(plan), Members(members), Token);
        Assert.Equal(StartStatus.Started, start.Status);
        return start.Command!.Order.Id;
    }

    private async Task ConfirmAsync(string id, int count) => await One.ApplyAsync(
        Group, id, new SendingConfirmed([.. Enumerable.Range(0, count).Select(i => new SentAttempt(i, 1))]), Token);

    private static async Task<CommandChange> SayAsync(
        ICommandStore store, string id, int index, ExecutionStatus status, int? attempt = null, string more = "", string? by = null)
    {
        int asked = attempt ?? (await store.GetAsync(Group, id, index, 1, Token)).Executions[0].Attempt;
        var change = await store.ApplyAsync(
            Group,
            id,
            new MemberReported(new ExecutionReport
            {
                Index = index,
                Member = Messages.Id($"m{index}"),
                By = by ?? $"m{index}-1",
                Attempt = asked,
                Status = status,
                Progress = status == InProgress ? Encoding.UTF8.GetBytes(more) : default,
                Result = status == Succeeded ? Encoding.UTF8.GetBytes(more) : default,
                Error = status == Failed ? new ExecutionError("broken", "Ö") : null,
            }),
            Token);
        Assert.Equal(CommandFound.Found, change.Status);
        return change;
    }
}
