using Aether.Application.Legacy;
using Aether.Application.Ports;
using Aether.Domain;
using Aether.Domain.Commands;
using Aether.Domain.Tokens;
using Xunit;

namespace Aether.Tests.Integration.Fixtures;

/// <summary>Everything that an instance asks Redis for, once, through the ports.</summary>
internal static class Errand
{
    private static readonly VisionId Group = Messages.Id("errand");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>Does it all; whatever is refused fails the test.</summary>
    /// <param name="host">The instance.</param>
    /// <param name="redis">Its Redis, on which all may be done.</param>
    /// <param name="prefix"><c>Redis:Prefix</c>.</param>
    /// <param name="legacy">Whether V2's channel is in use.</param>
    public static async Task RunAsync(BusHost host, RedisServer redis, string prefix, bool legacy)
    {
        // Each its own: several run on one Redis at a time.
        var client = VisionId.Parse("c" + Guid.NewGuid().ToString("N"));
        await SpeakAsync(host, client);
        await LeadAsync(host, client);
        await BePresentAsync(host, client);
        await CommandAsync(host, client);
        await RevokeAsync(host, client);
        if (legacy)
            await SpeakAsV2Async(host);
        await ReapAsync(redis, prefix);
    }

    private static async Task SpeakAsync(BusHost host, VisionId client)
    {
        var sink = new RecordingSink();
        foreach (var (channel, message) in ((ChannelName, Message)[])
            [
                (ChannelName.Client(client), Messages.ToClient(client.Value, "g")),
                (ChannelName.Group(client), Messages.ToGroup(client.Value)),
            ])
        {
            Assert.True(await host.Bus.SubscribeAsync(channel, sink, Token));
            Assert.Equal(PublishResult.To(1), await host.Bus.PublishAsync(channel, message, Token));
            await host.Bus.UnsubscribeAsync(channel, Token);
        }
        Assert.True(await host.Bus.SubscribeAsync(ChannelName.Broadcast, sink, Token));
        Assert.True((await host.Bus.PublishAsync(ChannelName.Broadcast, Messages.ToAll(), Token)).Accepted);
        await host.Bus.UnsubscribeAsync(ChannelName.Broadcast, Token);
    }

    private static async Task LeadAsync(BusHost host, VisionId client)
    {
        var leases = host.Get<ILeaseStore>();
        var claim = new LeaseClaim(client, 1);
        var message = Messages.ToGroup(Group.Value) with { FromId = client, Lease = claim };
        Assert.Equal(
            LeaseStatus.Done,
            (await leases.AcquireAsync(Group, client, client, TimeSpan.FromMilliseconds(100), Token)).Status);
        // Others end what is over, too.
        await Eventually.HoldsAsync(
            async () =>
            {
                await leases.EndAsync(100, Token);
                return (await leases.GetAsync(Group, client, Token)).TimeLeft == TimeSpan.Zero;
            },
            TimeSpan.FromSeconds(30));
        Assert.True((await host.Bus.PublishAsync(ChannelName.Group(Group), message, Token)).IsStaleTerm);
        Assert.Equal(
            LeaseStatus.Done,
            (await leases.AcquireAsync(Group, client, client, TimeSpan.FromSeconds(60), Token)).Status);
        Assert.Equal(LeaseStatus.Done, (await leases.RenewAsync(Group, claim with { Term = 2 }, client, Token)).Status);
        var kept = message with { Lease = claim with { Term = 2 } };
        Assert.Equal(
            KeepStatus.Published, (await host.History.AppendAsync(ChannelName.Group(Group), kept, Token)).Status);
        Assert.Equal(LeaseStatus.Done, (await leases.ReleaseAsync(Group, claim with { Term = 2 }, client, Token)).Status);
    }

    private static async Task BePresentAsync(BusHost host, VisionId client)
    {
        var presence = host.Get<IPresenceStore>();
        var directory = host.Get<IPresenceDirectory>();
        await Eventually.HoldsAsync(() => presence.IsReady, TimeSpan.FromSeconds(30));
        var joined = await presence.JoinAsync(Group, client, Role.None, Token);
        Assert.True(joined.Transition == PresenceTransition.Came, $"{joined} {string.Join(" | ", host.Log.TakeLast(8))}");
        Assert.NotNull((await presence.UpdateStateAsync(Group, client, "{\"a\":1}"u8.ToArray(), Token)).Member);
        presence.Touch(Group, client);
        Assert.Contains(await presence.GetMembersAsync(Group, Token) ?? [], member => member.ClientId == client);
        Assert.Equal(PlacesKnown.Known, (await presence.FindAsync(Group, client, Token)).Known);
        Assert.Contains(await directory.GetGroupsAsync(null, Token) ?? [], group => group.GroupId == Group);
        Assert.NotEmpty(await directory.GetInstancesAsync(Token) ?? []);
        Assert.Equal(PresenceTransition.Went, (await presence.LeaveAsync(Group, client, Token)).Transition);
    }

    private static async Task CommandAsync(BusHost host, VisionId client)
    {
        var lease = await host.Get<ILeaseStore>().AcquireAsync(client, client, client, TimeSpan.FromSeconds(60), Token);
        Assert.Equal(LeaseStatus.Done, lease.Status);
        var commands = host.Get<ICommandStore>();
        var order = new CommandOrder
        {
            Id = client.Value[..32],
            GroupId = client,
            FromId = client,
            RequestId = "r1",
            Cmd = "go",
            Payload = "{}"u8.ToArray(),
            Lease = new LeaseClaim(client, 1),
            Plan = new CommandPlan { DeliveryTimeout = TimeSpan.FromHours(1), MinSucceeded = Amount.FromCount(1) },
        };
        Assert.Equal(StartStatus.Started, (await commands.StartAsync(order, [client, Group], Token)).Status);
        Assert.Equal(StartStatus.Repeated, (await commands.StartAsync(order, [client, Group], Token)).Status);
        var report = new ExecutionReport { Index = 0, Member = client, By = "x", Attempt = 1, Status = ExecutionStatus.InProgress };
        await LetInAsync(new MemberReported(report));
        await LetInAsync(new SendingConfirmed([new SentAttempt(1, 1)]));
        await LetInAsync(new TimePassed());
        Assert.Single((await commands.ConnectAsync(client, new MemberConnected(Group, Role.None), Token))!);
        // Others that run on the same Redis may have looked at it before.
        Assert.NotNull(await commands.PassTimeAsync(100, Token));
        await LetInAsync(new MemberReported(report with { Status = ExecutionStatus.Succeeded, Result = "{}"u8.ToArray() }));
        Assert.NotNull(await commands.ListAsync(client, CommandStatus.InProgress, 0, 10, Token));
        await LetInAsync(new MemberReported(report with { Index = 1, Member = Group, Status = ExecutionStatus.Rejected }));
        Assert.Equal(2, (await commands.GetChangesAsync(client, order.Id, 0, 10, Token)).Executions.Count);
        var page = await commands.GetAsync(client, order.Id, 0, 10, Token);
        Assert.Equal((2, CommandStatus.Succeeded), (page.Executions.Count, page.Command!.Status));
        Assert.Equal([page.Command.Version], (await commands.GetVersionsAsync(client, [order.Id], Token))!);
        Assert.Equal(1, (await commands.ListAsync(client, null, 0, 10, Token))!.Total);
        Assert.Equal(LeaseStatus.Done, (await host.Get<ILeaseStore>()
            .ReleaseAsync(client, new LeaseClaim(client, 1), client, Token)).Status);

        async Task LetInAsync(CommandEvent happened) => Assert.Equal(
            CommandFound.Found, (await commands.ApplyAsync(client, order.Id, happened, Token)).Status);
    }

    private static async Task RevokeAsync(BusHost host, VisionId client)
    {
        var store = host.Get<IRevocationStore>();
        Assert.Null(await store.AddAsync(Revocation.Of(client.Value), TimeSpan.FromHours(1), Token));
        var page = await store.ReadAsync("", Token);
        Assert.Contains(page!.Revocations, one => one.TokenId == client.Value);
        Assert.False((await store.ReadAsync(page.Next, Token))!.IsLost);
    }

    private static async Task SpeakAsV2Async(BusHost host)
    {
        var bus = host.Get<ILegacyBus>();
        Assert.True(await bus.SubscribeAsync(new Deaf(), Token));
        Assert.True(LegacyMessage.TryRead(
            """{"target":"broadcast","group_id":"g","to_id":"","from_id":"c","data":"x"}"""u8.ToArray(), out var message));
        Assert.True(await bus.PublishAsync(message, Token));
        await bus.UnsubscribeAsync(Token);
    }

    /// <summary>Leaves behind what an instance that was killed leaves, and waits until it is gone.</summary>
    private static async Task ReapAsync(RedisServer redis, string prefix)
    {
        string dead = Guid.NewGuid().ToString("N"), group = "dead" + dead, root = prefix + "ws:";
        await redis.RunAsync("HSET", $"{root}held:{{{group}}}:{dead}", "c", "1");
        await redis.RunAsync("HSET", $"{root}holders:{{{group}}}", "c", "1 0 0 0 0");
        await redis.RunAsync("SADD", $"{root}members:{{{group}}}", "c");
        await redis.RunAsync("SADD", root + "groups:" + dead, group);
        await redis.RunAsync("ZADD", root + "leases", "1", dead);
        await Eventually.HoldsAsync(
            async () => await redis.RunAsync("ZSCORE", root + "leases", dead) == ""
                && await redis.RunAsync("EXISTS", $"{root}members:{{{group}}}", $"{root}held:{{{group}}}:{dead}") == "0",
            TimeSpan.FromSeconds(30));
    }

    private sealed class Deaf : ILegacySink
    {
        public bool TryReceive(LegacyMessage message) => true;

        public ValueTask ReceiveAsync(LegacyMessage message, CancellationToken cancellationToken) =>
            ValueTask.CompletedTask;
    }
}
