using System.Diagnostics;
using System.Globalization;
using System.Net.WebSockets;
using Xunit;

namespace Aether.Tests.E2E;

/// <summary>V1 and V2 clients: section 10 of the protocol.</summary>
public sealed class LegacyTests(TwoInstances instances, DefaultServer memory)
    : IClassFixture<TwoInstances>, IClassFixture<DefaultServer>
{
    private const string Channel = "channel:ws";

    private static readonly Dictionary<string, string> Unlimited = new() { ["RateLimit:PerSecond"] = "0" };

    /// <summary>Texts that reach the group of their sender, whatever they look like.</summary>
    public static readonly TheoryData<string> Texts =
    [
        "hello",
        "",
        " \t ",
        "{",
        "null",
        "[1,2]",
        "\"target\"",
        """{"target":"nowhere","n":1.0}""",
        """{"target":"direct"}""",
        """{"target":"direct","to_id":"*"}""",
        """{"target":"broadcast"} and more""",
        """ {"target" : "group", "data":"\u00fc", "data":"twice" } """,
        "<b>ü\u2028\0\t\"\\/&'+😀</b>",
        """{"target":"group","from_id":"somebody-else","msg_type":"msg","payload":{}}""",
    ];

    [Theory]
    [MemberData(nameof(Texts))]
    public async Task Text_ReachesTheGroupUnchanged_GivenOneProcess(string text)
    {
        string group = memory.NewGroup();
        await ReachesTheGroupUnchangedAsync(
            memory.Process.LegacyEndpoint(group, "a"),
            memory.Process.LegacyEndpoint(group, "b"),
            memory.Process.LegacyEndpoint(memory.NewGroup(), "b"),
            text);
    }

    [Theory]
    [MemberData(nameof(Texts))]
    public async Task Text_ReachesTheGroupUnchanged_GivenTwoInstances(string text)
    {
        string group = instances.NewGroup();
        await ReachesTheGroupUnchangedAsync(
            instances.A.LegacyEndpoint(group, "a"),
            instances.B.LegacyEndpoint(group, "b"),
            instances.B.LegacyEndpoint(instances.NewGroup(), "b"),
            text);
    }

    [Fact]
    public async Task Text_IsCarriedWhole_GivenTheLongestMessage()
    {
        string group = instances.NewGroup(), text = string.Concat(Enumerable.Repeat("\"\\\n", 65_536 / 3));
        await using var sender = await ConnectAsync(instances.A, group, "a");
        await using var receiver = await ConnectAsync(instances.B, group, "b");
        await sender.SendAsync(text);
        Assert.Equal(text, await receiver.ReceiveTextAsync());
        await sender.SendAsync(text + "more");
        Assert.Equal(1009, (await sender.EndAsync()).Code);
    }

    [Fact]
    public Task Targets_AreKept_GivenOneProcess() => TargetsAreKeptAsync(
        memory.Process.LegacyEndpoint, memory.Process.LegacyEndpoint, memory.NewGroup(), memory.NewGroup());

    [Fact]
    public Task Targets_AreKept_GivenTwoInstances() => TargetsAreKeptAsync(
        instances.A.LegacyEndpoint, instances.B.LegacyEndpoint, instances.NewGroup(), instances.NewGroup());

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
        Assert.DoesNotContain(commands, command => command.Contains(Channel, StringComparison.Ordinal));
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
            commands.Count(command => command.Contains("\"PUBLISH\" \"channel:ws\"", StringComparison.Ordinal)));
        var names = RedisMonitor.NamesOf(commands);
        Assert.Equal(2, names.RemoveWhere(name => name.StartsWith("ws:probe:", StringComparison.Ordinal)));
        Assert.Equal(["ws:leases"], names);
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

    [Theory]
    [InlineData("ws")]
    [InlineData("channel")]
    [InlineData("broadcast")]
    [InlineData("group")]
    [InlineData("client")]
    [InlineData("direct")]
    public async Task Ids_AreOnlyIds_GivenTheNamesOfChannelsAndTargets(string name)
    {
        string group = instances.NewGroup();
        await using var sender = await ConnectAsync(instances.A, group, "a");
        await using var asClient = await ConnectAsync(instances.B, group, name);
        await using var asGroup = await ConnectAsync(instances.B, name, "b");

        await sender.SendAsync($$"""{"target":"direct","to_id":"{{name}}"}""");
        await sender.SendAsync($$"""{"target":"group","group_id":"{{name}}"}""");
        await sender.SendAsync("group");

        Assert.Contains("direct", await asClient.ReceiveTextAsync(), StringComparison.Ordinal);
        Assert.Equal("group", await asClient.ReceiveTextAsync());
        Assert.Contains("group_id", await asGroup.ReceiveTextAsync(), StringComparison.Ordinal);
        Assert.Equal(["group"], await LegacyUntilNowAsync(sender, "a"));
        Assert.Empty(await LegacyUntilNowAsync(asClient, name));
        Assert.Empty(await LegacyUntilNowAsync(asGroup, "b"));
    }

    [Fact]
    public async Task Upgrade_IsRefused404_GivenLegacyTurnedOff()
    {
        await using var server = await ServerProcess.StartAsync(new() { ["Legacy:Enabled"] = "false" });
        await using var refused = await RawClient.RequestAsync(server, "/ws/group/g/client/c");
        Assert.Equal(404, refused.Status);
        await using var v3 = await RawClient.RequestAsync(server, "/v3/ws/group/g/client/c");
        Assert.Equal(101, v3.Status);
    }

    [Theory]
    [InlineData("*")]
    [InlineData("ws:client:c")]
    [InlineData("a%0d%0ab")]
    [InlineData("{g}")]
    [InlineData("aether")]
    [InlineData("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    public async Task Upgrade_IsRefused400_GivenAnIdThatIsNone(string id)
    {
        foreach (string path in new[] { $"/ws/group/g/client/{id}", $"/ws/group/{id}/client/c" })
        {
            await using var refused = await RawClient.RequestAsync(memory.Process, path);
            Assert.Equal(400, refused.Status);
        }
    }

    [Fact]
    public async Task Request_IsAnswered426_GivenNoUpgrade() =>
        Assert.Equal(426, await TwoInstances.StatusAsync(memory.Process, "/ws/group/g/client/c"));

    [Fact]
    public async Task Flood_IsSlowedAndLosesNothing_GivenItIsOverTheRateLimit()
    {
        const int Messages = 450;
        await using var server = await ServerProcess.StartAsync(
            new() { ["RateLimit:PerSecond"] = "200", ["RateLimit:Burst"] = "50" });
        await using var sender = await ConnectAsync(server, "g", "a");
        await using var receiver = await ConnectAsync(server, "g", "b");
        var watch = Stopwatch.StartNew();
        for (int i = 0; i < Messages; i++)
            await sender.SendAsync(i.ToString(CultureInfo.InvariantCulture));
        for (int i = 0; i < Messages; i++)
            Assert.Equal(i.ToString(CultureInfo.InvariantCulture), await receiver.ReceiveTextAsync());
        // 50 at once, and then 200 a second.
        Assert.InRange(watch.Elapsed.TotalSeconds, 1.9, 10);
        Assert.False(sender.HasEnded);
    }

    [Fact]
    public async Task Close_IsAnswered_AndFreesTheConnection()
    {
        await using var server = await ServerProcess.StartAsync(new() { ["MaxConnections"] = "1" });
        await using (var first = await ConnectAsync(server, "g", "a"))
        {
            await Assert.ThrowsAsync<WebSocketException>(() => ConnectAsync(server, "g", "b"));
            Assert.Equal(1000, (await first.CloseAsync()).Code);
        }
        await Eventually.HoldsAsync(
            async () =>
            {
                await using var next = await RawClient.RequestAsync(server, "/ws/group/g/client/b");
                return next.Status == 101;
            },
            "there is room again");
    }

    [Fact]
    public async Task Close_Is1003_GivenABinaryFrame()
    {
        await using var client = await ConnectAsync(memory.Process, memory.NewGroup(), "a");
        await client.SendAsync(new byte[] { 1, 2, 3 }, WebSocketMessageType.Binary, endOfMessage: true);
        Assert.Equal(1003, (await client.EndAsync()).Code);
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

    private static Task<TestClient> ConnectAsync(ServerProcess server, string group, string id) =>
        TestClient.ConnectAsync(server.LegacyEndpoint(group, id), group, id);

    /// <summary>What came to a client, up to a message to itself that is sent now.</summary>
    private static async Task<List<string>> LegacyUntilNowAsync(TestClient client, string id)
    {
        string mark = Guid.NewGuid().ToString("N");
        await client.SendAsync($$"""{"target":"direct","to_id":"{{id}}","mark":"{{mark}}"}""");
        var texts = new List<string>();
        while (true)
        {
            string text = await client.ReceiveTextAsync();
            if (text.Contains(mark, StringComparison.Ordinal))
                return texts;
            // Another connection of this client has marked its time as well.
            if (!text.Contains("\"mark\"", StringComparison.Ordinal))
                texts.Add(text);
        }
    }

    private static async Task ReachesTheGroupUnchangedAsync(Uri from, Uri to, Uri elsewhere, string text)
    {
        await using var sender = await TestClient.ConnectAsync(from, "", "a");
        await using var receiver = await TestClient.ConnectAsync(to, "", "b");
        await using var stranger = await TestClient.ConnectAsync(elsewhere, "", "b");
        await sender.SendAsync(text);
        Assert.Equal(text, await receiver.ReceiveTextAsync());
        Assert.Equal(text, await sender.ReceiveTextAsync());
        Assert.Empty(await LegacyUntilNowAsync(stranger, "b"));
    }

    private static async Task TargetsAreKeptAsync(
        Func<string, string, Uri> here, Func<string, string, Uri> there, string group, string other)
    {
        string a = "a" + group, b = "b" + group, c = "c" + group, d = "d" + group;
        await using var sender = await TestClient.ConnectAsync(here(group, a), group, a);
        await using var near = await TestClient.ConnectAsync(here(group, c), group, c);
        await using var far = await TestClient.ConnectAsync(there(group, b), group, b);
        await using var farther = await TestClient.ConnectAsync(there(other, d), other, d);
        const string toGroup = """{"target":"group","msg":"to the group"}""";
        string toOther = $$"""{"target":"group","group_id":"{{other}}"}""";
        string direct = $$"""{"target":"direct","to_id":"{{b}}","msg":"to one"}""";
        const string toAll = """{"target":"broadcast","msg":"to all"}""";

        foreach (string text in new[] { toGroup, direct, toOther, "any text", toAll })
            await sender.SendAsync(text);

        await ReceivesAsync(sender, toGroup, "any text", toAll);
        await ReceivesAsync(near, toGroup, "any text", toAll);
        await ReceivesAsync(far, toGroup, "any text", toAll, direct);
        await ReceivesAsync(farther, toOther, toAll);
    }

    /// <summary>What came to a client is this and no more; of one target in this order.</summary>
    private static async Task ReceivesAsync(TestClient client, string first, params string[] others)
    {
        var texts = new List<string>();
        while (texts.Count <= others.Length)
            texts.Add(await client.ReceiveTextAsync());
        Assert.Equal(others.Append(first).Order(StringComparer.Ordinal), texts.Order(StringComparer.Ordinal));
        int later = texts.IndexOf("any text");
        Assert.True(later < 0 || texts.IndexOf(first) < later);
        Assert.Empty(await LegacyUntilNowAsync(client, client.Id));
    }
}
