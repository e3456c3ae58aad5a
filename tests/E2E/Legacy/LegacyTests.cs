using System.Diagnostics;
using System.Globalization;
using System.Net.WebSockets;
using Xunit;
using static Aether.Tests.E2E.LegacyClients;

namespace Aether.Tests.E2E;

/// <summary>V1 and V2 clients.</summary>
public sealed class LegacyTests(TwoInstances instances, DefaultServer memory)
    : IClassFixture<TwoInstances>, IClassFixture<DefaultServer>
{
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
        """{"target":"direct","to_id":null}""",
        """{"\ud800target":"direct","to_id":"b"}""",
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
        Assert.InRange(watch.Elapsed.TotalSeconds, 1.9, 60);
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
}
