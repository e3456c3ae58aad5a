using System.Net;
using System.Net.WebSockets;
using System.Text.Json.Nodes;
using Aether.Application.Messaging;
using Aether.Application.Wire;
using Aether.Domain;
using Aether.Tests.Integration.Fixtures;
using Microsoft.Extensions.DependencyInjection;
using Xunit;
using static Aether.Tests.Integration.Fixtures.HttpApi;

namespace Aether.Tests.Integration;

/// <summary>Messages for all of a group that have a role, over a real server in memory.</summary>
public sealed class RoleTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("worker")]
    [InlineData("controller")]
    [InlineData("observer")]
    public async Task Send_ReachesThoseOfTheRole_AndNobodyElse(string role)
    {
        using var host = HttpHost.Open();
        var http = host.CreateClient();
        using var worker = await host.ConnectAsync("g1", "w", "role=worker");
        using var controller = await host.ConnectAsync("g1", "c", "role=controller");
        using var observer = await host.ConnectAsync("g1", "o", "role=observer");
        using var none = await host.ConnectAsync("g1", "n");
        using var elsewhere = await host.ConnectAsync("g2", "w", "role=" + role);

        var answer = await SendAsync(http, Message("role", more: $"\"to_role\":\"{role}\",\"msg\":\"some\""));
        await SendAsync(http, Message("group", more: "\"msg\":\"all\""));
        await SendAsync(http, Message("group", group: "g2", more: "\"msg\":\"all\""));

        Assert.Equal("""{"instances":1}""", await answer.Content.ReadAsStringAsync(Cancellation));
        foreach (var (socket, its) in ((ClientWebSocket, string)[])
            [(worker, "worker"), (controller, "controller"), (observer, "observer"), (none, ""), (elsewhere, "")])
        {
            var first = await socket.ReceiveAsync();
            if (its == role)
            {
                Assert.Equal(
                    ("role", role, "g1", "some"),
                    (Text(first, "target"), Text(first, "to_role"), Text(first, "group_id"), Text(first, "msg")));
                first = await socket.ReceiveAsync();
            }
            Assert.Equal("all", Text(first, "msg"));
            Assert.False(first.AsObject().ContainsKey("to_role"));
        }
    }

    [Fact]
    public async Task Send_IsCountedAndAcknowledgedAsForTheGroup_GivenNobodyOfTheRole()
    {
        using var host = HttpHost.Open();
        using var sender = await host.ConnectAsync("g1", "c1", "role=controller");

        await sender.SendAsync(Message("role", group: null, from: "c1", more: "\"to_role\":\"worker\",\"id\":\"m1\""));

        var ack = await sender.ReceiveAsync();
        Assert.Equal(
            ("ack", "m1", """{"status":"published","instances":1}"""),
            (Text(ack, "cmd"), Text(ack, "reply_to"), ack["payload"]!.ToJsonString()));
        // Nobody hears it at all: as for a group, that is no error.
        var nobody = await SendAsync(host.CreateClient(), Message("role", group: "g9", more: "\"to_role\":\"worker\""));
        Assert.Equal("""{"instances":0}""", await nobody.Content.ReadAsStringAsync(Cancellation));
    }

    [Theory]
    [InlineData("", true)]
    [InlineData("&echo=off", false)]
    public async Task Sender_HearsItself_AsInTheGroup(string echo, bool hears)
    {
        using var host = HttpHost.Open();
        using var sender = await host.ConnectAsync("g1", "c1", "role=worker" + echo);

        await sender.SendAsync(Message("role", group: null, from: "c1", more: "\"to_role\":\"worker\",\"id\":\"m1\""));

        string[] expected = hears ? ["role", "direct"] : ["direct"];
        foreach (string target in expected)
            Assert.Equal(target, Text(await sender.ReceiveAsync(), "target"));
    }

    [Theory]
    [InlineData(HttpHost.Plain, "g1", null)]
    [InlineData(HttpHost.Plain, "g2", "forbidden")]
    [InlineData(HttpHost.Broadcasting, "g2", "forbidden")]
    [InlineData(HttpHost.Crossing, "g2", null)]
    public async Task AnotherGroup_NeedsThePermission_AsForTheGroup(string key, string group, string? code)
    {
        using var host = HttpHost.WithKeys();
        using var sender = await host.ConnectAsync("g1", "c1", "role=controller", key);

        await sender.SendAsync(Message("role", group: group, from: "c1", more: "\"to_role\":\"worker\",\"id\":\"m1\""));

        var answer = await sender.ReceiveAsync();
        Assert.Equal(
            (code is null ? "ack" : "error", code), (Text(answer, "cmd"), (string?)answer["payload"]!["code"]));
    }

    [Theory]
    [InlineData("", "to_role: is required for target role")]
    [InlineData("\"to_role\":\"boss\",", "to_role: must be controller, worker or observer")]
    public async Task Message_ClosesTheConnection_GivenNoRoleThatThereIs(string field, string reason)
    {
        using var host = HttpHost.Open();
        using var sender = await host.ConnectAsync("g1", "c1");

        await sender.SendAsync(Message("role", from: "c1", more: field + "\"id\":\"m1\""));

        Assert.Equal(4000, await sender.ReceiveCloseAsync());
        Assert.Equal(reason, sender.CloseStatusDescription);
    }

    [Fact]
    public async Task Resume_GivesEachRoleItsOwn_WithoutAHoleOrADuplicate()
    {
        using var host = HttpHost.Open();
        using var sender = await host.ConnectAsync("g1", "sender", "echo=off");
        using var before = await host.ConnectAsync("g1", "w", "role=worker", subprotocol: "aether.v3");
        string from = (string)(await before.ReceiveAsync())["payload"]!["positions"]!["group"]!;
        string[] sent = ["all 1", "worker 2", "controller 3", "worker 4", "controller 5", "all 6", "controller 7"];
        await KeepAsync(host, sent);

        foreach (var (role, others) in ((string, string)[])[("worker", "controller"), ("controller", "worker"), ("observer", "r")])
        {
            string[] expected = [.. sent.Where(text => text[0] == 'a' || text.StartsWith(role, StringComparison.Ordinal))];
            // From each position on, also those of messages that it never saw.
            for (int seen = 0; seen <= sent.Length; seen++)
            {
                using var back = await host.ConnectAsync(
                    "g1", "back", $"role={role}&group_pos={from[..^1]}{seen}", subprotocol: "aether.v3");
                await NextAsync(back, "welcome");
                string[] rest = [.. expected.Where(text => text[^1] - '0' > seen)];
                foreach (string text in rest)
                    Assert.Equal(text, Text(await NextAsync(back), "msg"));
                var recovered = await NextAsync(back, "recovered");
                Assert.Equal(
                    $$$"""{"group":{"status":"recovered","count":{{{rest.Length}}}}}""", recovered["payload"]!.ToJsonString());
            }
        }
    }

    [Fact]
    public async Task Live_GoesOnBehindAReplay_GivenThatTheLastOneWasForAnotherRole()
    {
        using var host = HttpHost.Open();
        using var before = await host.ConnectAsync("g1", "w", "role=worker", subprotocol: "aether.v3");
        string from = (string)(await before.ReceiveAsync())["payload"]!["positions"]!["group"]!;
        await KeepAsync(host, "worker 1", "controller 2");
        using var back = await host.ConnectAsync("g1", "b", $"role=worker&group_pos={from}", subprotocol: "aether.v3");
        await NextAsync(back, "welcome");
        Assert.Equal("worker 1", Text(await NextAsync(back), "msg"));
        await NextAsync(back, "recovered");

        await KeepAsync(host, "controller 3", "worker 4", "all 5");

        var live = await NextAsync(back);
        Assert.Equal("worker 4", Text(live, "msg"));
        Assert.EndsWith(":4", Text(live, "pos"), StringComparison.Ordinal);
        Assert.Equal("all 5", Text(await NextAsync(back), "msg"));
    }

    [Fact]
    public async Task Reading_GivesAClientWhatItsRoleWouldHaveGot_AndAnOperatorAll()
    {
        using var host = HttpHost.Open();
        await KeepAsync(host, "all 1", "worker 2", "controller 3");
        foreach (var (role, expected) in ((string, string[])[])
            [("worker", ["all 1", "worker 2"]), ("controller", ["all 1", "controller 3"]), ("", ["all 1"])])
        {
            using var client = await host.ConnectAsync("g1", "c1", "role=" + role);
            await client.SendAsync(Message(
                "direct", from: "c1", to: "aether", type: "cmd", more: "\"cmd\":\"history.read\",\"id\":\"q1\"")
                .Replace("{\"n\":1.50}", "{\"channel\":\"group\"}", StringComparison.Ordinal));
            var page = (await client.ReceiveAsync())["payload"]!;
            Assert.Equal(expected, page["messages"]!.AsArray().Select(message => (string?)message!["msg"]));
            // It goes on behind all of them, or those of another role would be asked for again and again.
            Assert.EndsWith(":3", (string?)page["pos"], StringComparison.Ordinal);
            Assert.True((bool)page["complete"]!);
        }
        var all = JsonNode.Parse(await host.CreateClient().GetStringAsync("/v3/groups/g1/messages", Cancellation))!;
        Assert.Equal(
            ["all 1", "worker 2", "controller 3"], all["messages"]!.AsArray().Select(message => (string?)message!["msg"]));
        Assert.Equal("worker", (string?)all["messages"]![1]!["to_role"]);
    }

    [Fact]
    public async Task Facade_SendsToARole()
    {
        using var host = HttpHost.Open();
        using var worker = await host.ConnectAsync("g1", "w", "role=worker");
        using var controller = await host.ConnectAsync("g1", "c", "role=controller");
        var realtime = host.Services.GetRequiredService<IRealtime>();

        var outcome = await realtime.ToRole("g1", Role.Worker, new RealtimeMessage { Msg = "some" }, Cancellation);
        await realtime.ToGroup("g1", new RealtimeMessage { Msg = "all" }, Cancellation);

        Assert.Equal((null, 1), (outcome.Rejection, outcome.Instances));
        var heard = await worker.ReceiveAsync();
        Assert.Equal(
            ("aether", "role", "worker", "some"),
            (Text(heard, "from_id"), Text(heard, "target"), Text(heard, "to_role"), Text(heard, "msg")));
        Assert.Equal("all", Text(await controller.ReceiveAsync(), "msg"));
        foreach (var role in (Role[])[Role.None, (Role)9])
        {
            var refused = await Assert.ThrowsAsync<ArgumentException>(
                () => realtime.ToRole("g1", role, new RealtimeMessage(), Cancellation));
            Assert.Equal("role", refused.ParamName);
            Assert.Contains(RoleNames.Rule, refused.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Legacy_HearsNothingOfIt()
    {
        using var host = HttpHost.Open();
        using var old = new ClientWebSocket();
        var address = new UriBuilder(host.CreateClient().BaseAddress!)
        {
            Scheme = "ws",
            Path = "/ws/group/g1/client/w",
        };
        await old.ConnectAsync(address.Uri, Cancellation);

        await SendAsync(host.CreateClient(), Message("role", more: "\"to_role\":\"worker\""));
        // To such a client it is a text like any other, and goes to the group.
        await old.SendAsync("""{"target":"role","to_role":"worker","n":1}""");

        Assert.Equal(1, (int)(await old.ReceiveAsync())["n"]!);
    }

    private static async Task KeepAsync(HttpHost host, params string[] texts)
    {
        var http = host.CreateClient();
        foreach (string text in texts)
        {
            string to = text.Split(' ')[0];
            string more = $"\"cmd\":\"go\",\"msg\":\"{text}\"" + (to == "all" ? "" : $",\"to_role\":\"{to}\"");
            var sent = await SendAsync(http, Message(to == "all" ? "group" : "role", type: "cmd", more: more));
            Assert.Equal(HttpStatusCode.Accepted, sent.StatusCode);
        }
    }

    /// <summary>The next message that is no presence event.</summary>
    private static async Task<JsonNode> NextAsync(ClientWebSocket socket, string? cmd = null)
    {
        while (true)
        {
            var message = await socket.ReceiveAsync();
            if (Text(message, "msg_type") == "presence")
                continue;
            if (cmd is not null)
                Assert.Equal(cmd, Text(message, "cmd"));
            return message;
        }
    }
}
