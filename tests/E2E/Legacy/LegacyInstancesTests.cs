using Xunit;
using static Aether.Tests.E2E.LegacyClients;

namespace Aether.Tests.E2E;

/// <summary>What V1 and V2 clients have between instances: one channel of Redis, apart from V3, as the old server had.</summary>
public sealed class LegacyInstancesTests(TwoInstances instances) : IClassFixture<TwoInstances>
{
    private const string Channel = "channel:ws";

    private static readonly Dictionary<string, string> Unlimited = new() { ["RateLimit:PerSecond"] = "0" };

    [Fact]
    public async Task Targets_AreKept_GivenAnInstanceOfTheOldKind()
    {
        await using var old = await OldInstance.StartAsync(instances.Redis.ConnectionString);
        await TargetsAreKeptAsync(
            instances.A.LegacyEndpoint, old.Endpoint, instances.NewGroup(), instances.NewGroup());
        await TargetsAreKeptAsync(
            old.Endpoint, instances.B.LegacyEndpoint, instances.NewGroup(), instances.NewGroup());
        string group = instances.NewGroup();
        foreach (string text in new[] { "plain", "ü😀\"\\\n", """{"target":"group","n":1.0}""" })
        {
            await ReachesTheGroupUnchangedAsync(
                old.Endpoint(group, "a"),
                instances.A.LegacyEndpoint(group, "b"),
                instances.A.LegacyEndpoint(instances.NewGroup(), "b"),
                text);
            await ReachesTheGroupUnchangedAsync(
                instances.A.LegacyEndpoint(group, "a"),
                old.Endpoint(group, "b"),
                old.Endpoint(instances.NewGroup(), "b"),
                text);
        }
    }

    [Fact]
    public async Task Channel_PassesGarbageBy_GivenAnythingPublishedOnIt()
    {
        string group = instances.NewGroup();
        await using var receiver = await ConnectAsync(instances.A, group, "b");
        string[] garbage =
        [
            "", "{", "[]", "null", "text", """{"target":"group"}""",
            $$"""{"target":"group","group_id":"{{group}}"}""",
            $$"""{"target":"group","group_id":"{{group}}","data":1}""",
            $$"""{"target":"group","group_id":"{{group}}","data":"\ud800"}""",
            """{"target":"group","group_id":"*","data":"x"}""",
            """{"target":"direct","to_id":null,"data":"x"}""",
            $$"""{"target":"nowhere","group_id":"{{group}}","data":"x"}""",
            $$"""{"target":"group","group_id":"{{group}}","data":"x"} more""",
        ];
        foreach (string one in garbage)
            Assert.NotEqual("0", await instances.Redis.RunAsync("PUBLISH", Channel, one));
        await instances.Redis.RunAsync(
            "PUBLISH", Channel, $$"""{"target":"group","group_id":"{{group}}","data":"good"}""");
        Assert.Equal("good", await receiver.ReceiveTextAsync());
    }

    [Fact]
    public async Task Nothing_PassesBetweenLegacyAndV3_GivenTheSameNamesAndTenThousandMessagesEach()
    {
        const int Messages = 10_000, AtOnce = 250;
        await using var own = await TwoInstances.StartAsync(Unlimited);
        await using var v3Sender = await TestClient.ConnectAsync(own.A, "g", "a", "echo=off");
        await using var v3Receiver = await TestClient.ConnectAsync(own.B, "g", "b");
        await using var v3Near = await TestClient.ConnectAsync(own.A, "g", "b");
        await using var oldSender = await ConnectAsync(own.A, "g", "a");
        await using var oldReceiver = await ConnectAsync(own.B, "g", "b");
        await using var oldNear = await ConnectAsync(own.A, "g", "b");
        string[] targets = ["group", "direct", "broadcast", "group"];

        // What each of them says would be good on the other side too.
        for (int sent = 0; sent < Messages; sent += AtOnce)
        {
            for (int i = sent; i < sent + AtOnce; i++)
            {
                string target = targets[i % targets.Length];
                await v3Sender.SendAsync(Json.Message("a", target, to: "b", group: "g", msg: "v3"));
                await oldSender.SendAsync(Json.Message("a", target, to: "b", group: "g", msg: "old"));
            }
            foreach (var (receiver, kind) in new[]
                { (v3Receiver, "v3"), (v3Near, "v3"), (oldReceiver, "old"), (oldNear, "old") })
            {
                for (int i = 0; i < AtOnce; i++)
                    Assert.Equal(kind, Json.Read(await receiver.ReceiveTextAsync()).Text("msg"));
            }
        }

        foreach (var receiver in new[] { v3Sender, v3Receiver, v3Near })
            Assert.Empty(await receiver.ReceiveUntilNowAsync());
        Assert.DoesNotContain("v3", string.Concat(await LegacyUntilNowAsync(oldSender, "a")), StringComparison.Ordinal);
        foreach (var receiver in new[] { oldReceiver, oldNear })
            Assert.Empty(await LegacyUntilNowAsync(receiver, "b"));
    }

    [Fact]
    public async Task Redis_SeesNothingOfTheLegacyChannel_GivenV3ClientsOnly()
    {
        await using var own = await TwoInstances.StartAsync(new() { ["Presence:Lease"] = "2" });
        await using var monitor = await RedisMonitor.StartAsync(own.Redis);
        await using (var everyone = new Clients())
        {
            var a = await everyone.AddAsync(own.A, "ws", "channel", protocols: TwoInstances.Full);
            var b = await everyone.AddAsync(own.B, "ws", "ws");
            await a.SendAsync(Json.Message("channel", msg: "one"));
            await a.SendAsync(Json.Message("channel", "direct", to: "ws", msg: "two"));
            await a.SendAsync(Json.Message("channel", "broadcast", msg: "three"));
            // Three channels, which have no order between them.
            var heard = new HashSet<string?>();
            for (int i = 0; i < 3; i++)
                heard.Add((await b.ReceiveAsync()).Text("msg"));
            Assert.True(heard.SetEquals(["one", "two", "three"]), string.Join(" ", heard));
            await b.CloseAsync();
        }

        string[] commands = await monitor.CommandsAsync();

        Assert.Contains("ws:group:ws", RedisMonitor.NamesOf(commands));
        Assert.DoesNotContain(
            commands, command => command.Contains(Channel, StringComparison.Ordinal) && !IsTrial(command));
        Assert.Equal(0, await own.HeardByAsync(Channel));
    }

    [Fact]
    public async Task Redis_SeesOnlyHousekeepingOfV3_GivenLegacyClientsOnly()
    {
        await using var own = await TwoInstances.StartAsync(new() { ["Presence:Lease"] = "2" });
        await using var monitor = await RedisMonitor.StartAsync(own.Redis);
        await using (var sender = await ConnectAsync(own.A, "ws", "channel"))
        await using (var receiver = await ConnectAsync(own.B, "ws", "ws"))
        {
            await sender.SendAsync("one");
            await sender.SendAsync("""{"target":"direct","to_id":"ws"}""");
            await sender.SendAsync("""{"target":"broadcast"}""");
            for (int i = 0; i < 3; i++)
                await receiver.ReceiveTextAsync();
            await receiver.CloseAsync();
        }
        // Long enough for every instance to have looked after itself.
        await Eventually.HoldsAsync(
            async () => (await monitor.CommandsAsync()).Count(
                command => command.Contains("\"zadd\" \"ws:leases\"", StringComparison.OrdinalIgnoreCase)) >= 4,
            "the leases are renewed");

        string[] commands = await monitor.CommandsAsync();

        Assert.Equal(
            3,
            commands.Count(command =>
                command.Contains("\"PUBLISH\" \"channel:ws\"", StringComparison.Ordinal) && !IsTrial(command)));
        var names = RedisMonitor.NamesOf(commands);
        // One of each instance, and another one whenever it has waited long enough to doubt its connection.
        Assert.True(names.RemoveWhere(name => name.StartsWith("ws:probe:", StringComparison.Ordinal)) >= 2);
        // And what each instance says of itself beside its lease, and asks: whether something is due, or ends, for anybody.
        Assert.Equal(
            ["ws:due", "ws:ends", "ws:leases"],
            names.Where(name => !name.StartsWith("ws:instance:", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Channel_IsSubscribedOnlyWhileThereIsALegacyConnection()
    {
        await using var own = await TwoInstances.StartAsync();
        await using var v3 = await TestClient.ConnectAsync(own.A, "g", "a");
        for (int round = 0; round < 3; round++)
        {
            Assert.Equal(0, await own.HeardByAsync(Channel));
            await using var first = await ConnectAsync(own.A, "g", "a");
            Assert.Equal(1, await own.HeardByAsync(Channel));
            await using var second = await ConnectAsync(own.A, "h", "b");
            Assert.Equal(1, await own.HeardByAsync(Channel));
            await using var third = await ConnectAsync(own.B, "g", "c");
            Assert.Equal(2, await own.HeardByAsync(Channel));
            await first.SendAsync("still");
            Assert.Equal("still", await third.ReceiveTextAsync());
            await third.CloseAsync();
            await Eventually.HoldsAsync(async () => await own.HeardByAsync(Channel) == 1, "B has given it up");
            await first.CloseAsync();
            await second.CloseAsync();
            await Eventually.HoldsAsync(async () => await own.HeardByAsync(Channel) == 0, "A has given it up");
        }
        Assert.Empty(await v3.ReceiveUntilNowAsync());
    }

    [Fact]
    public async Task Channel_IsHeardAgain_GivenRedisRestarted()
    {
        await using var own = await TwoInstances.StartAsync();
        await using var sender = await ConnectAsync(own.A, "g", "a");
        await using var receiver = await ConnectAsync(own.B, "g", "b");

        await own.Redis.RestartAsync();

        foreach (var server in new[] { own.A, own.B })
            await TwoInstances.WaitUntilReadyAsync(server);
        await Eventually.HoldsAsync(async () => await own.HeardByAsync(Channel) == 2, "both hear it again");
        await sender.SendAsync("after");
        Assert.Equal("after", await receiver.ReceiveTextAsync());
        Assert.False(sender.HasEnded);
    }

    [Fact]
    public async Task Terminate_TellsLegacyConnections1012_AndExitsWith0()
    {
        await using var own = await TwoInstances.StartAsync(new() { ["Drain"] = "5" });
        await using var legacy = await ConnectAsync(own.A, "g", "a");
        await using var v3 = await TestClient.ConnectAsync(own.A, "g", "a");
        own.A.Terminate();
        Assert.Equal(1012, (await legacy.EndAsync()).Code);
        Assert.Equal(1012, (await v3.EndAsync()).Code);
        Assert.Equal(0, await own.A.WaitForExitAsync(Eventually.Soon));
        Assert.Equal(0, await own.HeardByAsync(Channel));
    }

    // Every few seconds an instance has a script try whether it may; nothing is published by that.
    private static bool IsTrial(string command) => command.Contains("\"EVALSHA\"", StringComparison.Ordinal);
}
