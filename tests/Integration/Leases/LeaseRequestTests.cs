using System.Net;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text.Json.Nodes;
using Aether.Application.Leases;
using Aether.Application.Messaging;
using Aether.Domain;
using Aether.Tests.Integration.Fixtures;
using Microsoft.Extensions.DependencyInjection;
using Xunit;
using static Aether.Tests.Integration.Fixtures.HttpApi;

namespace Aether.Tests.Integration;

/// <summary>Leases as clients, operators and hosts see them: who holds one, who is told, and what goes out under it.</summary>
public sealed class LeaseRequestTests
{
    private const string Path = "/v3/groups/g1/leases/lead";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Acquire_GivesALease_AndTellsTheOthersWhoHasIt_UntilItIsReleased()
    {
        await using var host = HttpHost.Open();
        using var a = await host.ConnectAsync("g1", "a");
        using var b = await host.ConnectAsync("g1", "b");

        var free = await AskAsync(b, "b", "lease.get", """{"name":"lead"}""");
        var first = await AskAsync(a, "a", "lease.acquire", """{"name":"lead","ttl_ms":30000}""");
        var held = await RefusedAsync(b, "b", "lease.acquire", """{"name":"lead","ttl_ms":30000}""");
        var renewed = await AskAsync(a, "a", "lease.renew", """{"name":"lead","term":1}""");
        var again = await AskAsync(a, "a", "lease.acquire", """{"name":"lead","ttl_ms":60000}""");
        var seen = await AskAsync(b, "b", "lease.get", """{"name":"lead"}""");
        var released = await AskAsync(a, "a", "lease.release", """{"name":"lead","term":1}""");
        var next = await AskAsync(b, "b", "lease.acquire", """{"name":"lead","ttl_ms":30000}""");

        Assert.Equal("""{"name":"lead","holder":null,"term":0,"expires_at":null}""", free.ToJsonString());
        Assert.Equal(("a", 1), Facts(first));
        Assert.EndsWith("Z", (string?)first["expires_at"], StringComparison.Ordinal);
        Assert.InRange(SecondsLeft(first), 20, 31);
        Assert.Equal(("lease_held", "a", true), (Text(held, "code"), Text(held, "holder"), (bool)held["retryable"]!));
        Assert.InRange((long)held["retry_after_ms"]!, 20_000, 30_000);
        Assert.Equal(("a", 1), Facts(renewed));
        Assert.Equal(("a", 1), Facts(again));
        Assert.InRange(SecondsLeft(again), 40, 61);
        Assert.Equal(("a", 1), Facts(seen));
        Assert.Equal("""{"name":"lead","holder":null,"term":1,"expires_at":null}""", released.ToJsonString());
        Assert.Equal(("b", 2), Facts(next));
    }

    [Theory]
    [InlineData("lease.renew")]
    [InlineData("lease.release")]
    public async Task RenewAndRelease_AreRefused_GivenWhoDoesNotHoldIt(string cmd)
    {
        await using var host = HttpHost.Open();
        using var a = await host.ConnectAsync("g1", "a");
        using var b = await host.ConnectAsync("g1", "b");
        await AskAsync(a, "a", "lease.acquire", """{"name":"lead","ttl_ms":30000}""");

        var other = await RefusedAsync(b, "b", cmd, """{"name":"lead","term":1}""");
        var term = await RefusedAsync(a, "a", cmd, """{"name":"lead","term":2}""");

        Assert.Equal(("stale_term", "payload.term", false), (Text(other, "code"), Text(other, "field"), (bool)other["retryable"]!));
        Assert.Equal("stale_term", Text(term, "code"));
        Assert.Equal(("a", 1), Facts(await AskAsync(b, "b", "lease.get", """{"name":"lead"}""")));
    }

    [Theory]
    [InlineData("lease.acquire", "{}", "payload.name")]
    [InlineData("lease.acquire", """{"name":7,"ttl_ms":5000}""", "payload.name")]
    [InlineData("lease.acquire", """{"name":"a.b","ttl_ms":5000}""", "payload.name")]
    [InlineData("lease.acquire", """{"name":"lead"}""", "payload.ttl_ms")]
    [InlineData("lease.acquire", """{"name":"lead","ttl_ms":999}""", "payload.ttl_ms")]
    [InlineData("lease.acquire", """{"name":"lead","ttl_ms":60001}""", "payload.ttl_ms")]
    [InlineData("lease.acquire", """{"name":"lead","ttl_ms":"5000"}""", "payload.ttl_ms")]
    [InlineData("lease.acquire", """{"name":"lead","ttl_ms":5000.5}""", "payload.ttl_ms")]
    [InlineData("lease.renew", """{"term":1}""", "payload.name")]
    [InlineData("lease.renew", """{"name":"lead"}""", "payload.term")]
    [InlineData("lease.renew", """{"name":"lead","term":0}""", "payload.term")]
    [InlineData("lease.release", """{"name":"lead","term":"1"}""", "payload.term")]
    [InlineData("lease.release", """{"name":"lead","term":1.5}""", "payload.term")]
    [InlineData("lease.get", """{"name":null}""", "payload.name")]
    public async Task Request_NamesWhatIsWrong_AndTheConnectionStays(string cmd, string payload, string field)
    {
        await using var host = HttpHost.Open();
        using var a = await host.ConnectAsync("g1", "a");

        var error = await RefusedAsync(a, "a", cmd, payload);

        Assert.Equal(("invalid_message", field), (Text(error, "code"), Text(error, "field")));
        await AskAsync(a, "a", "lease.acquire", """{"name":"lead","ttl_ms":1000}""");
        await AskAsync(a, "a", "lease.acquire", """{"name":"other","ttl_ms":60000}""");
    }

    [Fact]
    public async Task Acquire_IsRefused_GivenANewNameThatIsOneTooMany_AndTheConnectionStays()
    {
        await using var host = HttpHost.Open(settings: ("Leases:MaxPerGroup", "1"));
        using var a = await host.ConnectAsync("g1", "a");
        await AskAsync(a, "a", "lease.acquire", """{"name":"lead","ttl_ms":30000}""");
        await AskAsync(a, "a", "lease.release", """{"name":"lead","term":1}""");

        var error = await RefusedAsync(a, "a", "lease.acquire", """{"name":"other","ttl_ms":30000}""");

        Assert.Equal(
            ("too_many_leases", "payload.name", false), (Text(error, "code"), Text(error, "field"), (bool)error["retryable"]!));
        Assert.Equal(("a", 2), Facts(await AskAsync(a, "a", "lease.acquire", """{"name":"lead","ttl_ms":30000}""")));
    }

    [Fact]
    public async Task AnotherGroup_NeedsThePermission()
    {
        await using var host = HttpHost.WithKeys();
        using var plain = await host.ConnectAsync("g1", "a", key: HttpHost.Plain);
        using var crossing = await host.ConnectAsync("g1", "b", key: HttpHost.Crossing);
        const string elsewhere = ",\"group_id\":\"g2\"";

        var refused = await RefusedAsync(plain, "a", "lease.acquire", """{"name":"lead","ttl_ms":5000}""", elsewhere);
        var there = await AskAsync(crossing, "b", "lease.acquire", """{"name":"lead","ttl_ms":5000}""", elsewhere);
        var here = await AskAsync(crossing, "b", "lease.get", """{"name":"lead"}""");

        Assert.Equal("forbidden", Text(refused, "code"));
        Assert.Equal(("b", 1), Facts(there));
        Assert.Equal((null, 0), Facts(here));
    }

    [Fact]
    public async Task FullMembers_AreToldEachChangeAndEachEnd_AndPlainOnesNothing()
    {
        await using var host = HttpHost.Open();
        using var full = await host.ConnectAsync("g1", "full", subprotocol: "aether.v3");
        using var plain = await host.ConnectAsync("g1", "plain");
        using var elsewhere = await host.ConnectAsync("g2", "full", subprotocol: "aether.v3");
        using var a = await host.ConnectAsync("g1", "a");

        await AskAsync(a, "a", "lease.acquire", """{"name":"lead","ttl_ms":30000}""");
        await AskAsync(a, "a", "lease.renew", """{"name":"lead","term":1}""");
        await AskAsync(a, "a", "lease.release", """{"name":"lead","term":1}""");
        await AskAsync(a, "a", "lease.acquire", """{"name":"lead","ttl_ms":30000}""");
        await host.CreateClient().DeleteAsync(Path, Cancellation);
        var acquired = DateTime.UtcNow;
        await AskAsync(a, "a", "lease.acquire", """{"name":"lead","ttl_ms":1000}""");

        Assert.Equal(
            ["a 1", "- 1", "a 2", "- 2", "a 3", "- 3"],
            [
                await ToldAsync(full), await ToldAsync(full), await ToldAsync(full), await ToldAsync(full),
                await ToldAsync(full), await ToldAsync(full),
            ]);
        Assert.InRange(DateTime.UtcNow - acquired, TimeSpan.FromMilliseconds(990), TimeSpan.FromSeconds(15));
        await SendAsync(host.CreateClient(), Message("group", more: "\"msg\":\"over\""));
        await SendAsync(host.CreateClient(), Message("group", group: "g2", more: "\"msg\":\"over\""));
        Assert.Equal("over", Text(await plain.ReceiveAsync(), "msg"));
        Assert.Equal("over", Text(await NextAsync(full), "msg"));
        Assert.Equal("over", Text(await NextAsync(elsewhere), "msg"));
    }

    [Theory]
    [InlineData("group", "")]
    [InlineData("role", ",\"to_role\":\"worker\"")]
    [InlineData("direct", ",\"to_id\":\"w\"")]
    [InlineData("broadcast", "")]
    [InlineData("echo", "")]
    public async Task Message_GoesOutUnderALease_AndNotUnderAnOldOne(string target, string more)
    {
        foreach (string type in (string[])["msg", "cmd"])
        {
            await using var host = HttpHost.Open();
            using var a = await host.ConnectAsync("g1", "a", target == "echo" ? "" : "echo=off");
            using var b = await host.ConnectAsync("g1", "b", "echo=off");
            using var worker = await host.ConnectAsync("g1", "w", "role=worker");
            var receiver = target == "echo" ? a : worker;
            string Say(string from, int term, string text) =>
                $$$"""{"msg_type":"{{{type}}}","cmd":"go","target":"{{{target}}}","from_id":"{{{from}}}","msg":"{{{text}}}","payload":{},"sent_at":"2026-01-02T03:04:05Z","id":"{{{text}}}","lease":{"name":"lead","term":{{{term}}}}{{{more}}}}""";

            await AskAsync(a, "a", "lease.acquire", """{"name":"lead","ttl_ms":30000}""");
            await a.SendAsync(Say("a", 1, "first"));
            var heard = await receiver.ReceiveAsync();
            Assert.Equal(("first", """{"name":"lead","term":1}"""), (Text(heard, "msg"), heard["lease"]!.ToJsonString()));
            Assert.Equal("first", Text(await NextAsync(a, "ack"), "reply_to"));

            await host.CreateClient().DeleteAsync(Path, Cancellation);
            await AskAsync(b, "b", "lease.acquire", """{"name":"lead","ttl_ms":30000}""");
            await a.SendAsync(Say("a", 1, "old"));
            var error = await NextAsync(a, "error");
            Assert.Equal(
                ("old", "stale_term", "lease"),
                (Text(error, "reply_to"), Text(error["payload"]!, "code"), Text(error["payload"]!, "field")));
            await a.SendAsync(Say("a", 2, "stolen"));
            Assert.Equal("stolen", Text(await NextAsync(a, "error"), "reply_to"));
            if (target == "echo")
                continue;
            await b.SendAsync(Say("b", 2, "next"));
            Assert.Equal("next", Text(await NextAsync(worker), "msg"));
        }
    }

    [Theory]
    [InlineData("direct", "\"to_id\":\"w\"")]
    [InlineData("broadcast", "\"cmd\":null")]
    public async Task Order_Holds_BetweenWhatNamesALeaseAndWhatDoesNot(string target, string more)
    {
        // Memory answers at once who holds a lease: there nothing could overtake.
        await using var redis = await RedisServer.StartAsync();
        await using var host = await HttpHost.OpenAsync(redis);
        using var a = await host.ConnectAsync("g1", "a", "echo=off");
        using var worker = await host.ConnectAsync("g1", "w");
        await AskAsync(a, "a", "lease.acquire", """{"name":"lead","ttl_ms":30000}""");

        for (int i = 0; i < 60; i++)
        {
            string lease = i % 3 == 0 ? ",\"lease\":{\"name\":\"lead\",\"term\":1}" : "";
            string type = i % 2 == 0 ? "msg" : "cmd";
            await a.SendAsync($$"""{"msg_type":"{{type}}","target":"{{target}}","from_id":"a","msg":"{{i}}","payload":{},"sent_at":"2026-01-02T03:04:05Z"{{lease}},{{(type == "cmd" && target == "broadcast" ? "\"cmd\":\"go\"" : more + (type == "cmd" ? ",\"cmd\":\"go\"" : ""))}}}""");
        }

        for (int i = 0; i < 60; i++)
            Assert.Equal($"{i}", Text(await worker.ReceiveAsync(), "msg"));
    }

    [Fact]
    public async Task MessageToAnotherGroup_NeedsALeaseOfThatGroup()
    {
        await using var host = HttpHost.WithKeys();
        using var a = await host.ConnectAsync("g1", "a", "echo=off", key: HttpHost.Crossing);
        using var there = await host.ConnectAsync("g2", "b", key: HttpHost.Plain);
        await AskAsync(a, "a", "lease.acquire", """{"name":"lead","ttl_ms":30000}""");
        const string lease = "\"lease\":{\"name\":\"lead\",\"term\":1},\"id\":\"m1\"";

        await a.SendAsync(Message("group", group: "g2", from: "a", more: lease));
        Assert.Equal("stale_term", Text((await NextAsync(a, "error"))["payload"]!, "code"));
        await AskAsync(a, "a", "lease.acquire", """{"name":"lead","ttl_ms":30000}""", ",\"group_id\":\"g2\"");
        await a.SendAsync(Message("group", group: "g2", from: "a", more: lease));

        Assert.Equal("group", Text(await there.ReceiveAsync(), "target"));
    }

    [Theory]
    [InlineData("group", null)]
    [InlineData("direct", "w")]
    [InlineData("broadcast", null)]
    public async Task Post_IsAConflict_GivenAnOldTerm(string target, string? to)
    {
        await using var host = HttpHost.Open();
        var http = host.CreateClient();
        using var a = await host.ConnectAsync("g1", "a", "echo=off");
        using var worker = await host.ConnectAsync("g1", "w");
        await AskAsync(a, "a", "lease.acquire", """{"name":"lead","ttl_ms":30000}""");
        string Say(string from, int term) => Message(target, from: from, to: to, more: $"\"lease\":{{\"name\":\"lead\",\"term\":{term}}}");

        Assert.Equal(HttpStatusCode.Accepted, (await SendAsync(http, Say("a", 1))).StatusCode);
        Assert.Equal("a", Text(await worker.ReceiveAsync(), "from_id"));
        foreach (string said in (string[])[Say("a", 2), Say("b", 1), Say("aether", 1)])
        {
            var problem = await ProblemAsync(HttpStatusCode.Conflict, await SendAsync(http, said));
            Assert.Equal("lease", Text(problem, "field"));
        }
        var without = await SendAsync(http, Message(
            target, group: null, from: "a", to: to, more: "\"lease\":{\"name\":\"lead\",\"term\":1}"));
        Assert.Equal("group_id", Text(await ProblemAsync(HttpStatusCode.BadRequest, without), "field"));
    }

    [Fact]
    public async Task Http_ReadsALease_AndTakesItAway()
    {
        await using var host = HttpHost.Open();
        var http = host.CreateClient();
        using var a = await host.ConnectAsync("g1", "a");

        var free = await http.GetFromJsonAsync<JsonNode>(Path, Cancellation);
        await AskAsync(a, "a", "lease.acquire", """{"name":"lead","ttl_ms":30000}""");
        var held = await http.GetFromJsonAsync<JsonNode>(Path, Cancellation);
        var taken = await http.DeleteAsync(Path, Cancellation);
        var again = await http.DeleteAsync(Path, Cancellation);

        Assert.Equal("""{"name":"lead","holder":null,"term":0,"expires_at":null}""", free!.ToJsonString());
        Assert.Equal(("a", 1), Facts(held!));
        Assert.Equal(HttpStatusCode.OK, taken.StatusCode);
        foreach (var answer in (HttpResponseMessage[])[taken, again])
        {
            Assert.Equal(
                """{"name":"lead","holder":null,"term":1,"expires_at":null}""",
                await answer.Content.ReadAsStringAsync(Cancellation));
        }
        Assert.Equal("stale_term", Text(await RefusedAsync(a, "a", "lease.renew", """{"name":"lead","term":1}"""), "code"));
    }

    [Theory]
    [InlineData(HttpHost.Admin, 200)]
    [InlineData(HttpHost.AdminOfG1, 200)]
    [InlineData(HttpHost.Crossing, 403)]
    [InlineData(HttpHost.Plain, 403)]
    [InlineData(null, 401)]
    public async Task Http_IsForAdmins_OfTheGroup(string? key, int status)
    {
        await using var host = HttpHost.WithKeys();
        var http = host.CreateClient(key);

        await AssertStatusAsync(status, await http.GetAsync(Path, Cancellation));
        await AssertStatusAsync(status, await http.DeleteAsync(Path, Cancellation));
        if (key != HttpHost.Admin)
            await AssertStatusAsync(status == 401 ? 401 : 403, await http.GetAsync("/v3/groups/g2/leases/lead", Cancellation));
    }

    [Theory]
    [InlineData("/v3/groups/g1/leases/a.b", "name")]
    [InlineData("/v3/groups/g.1/leases/lead", "group_id")]
    [InlineData("/v3/groups/g1/leases/aether", "name")]
    public async Task Http_NamesWhatIsWrong(string path, string field)
    {
        await using var host = HttpHost.Open();
        var http = host.CreateClient();

        foreach (var answer in (HttpResponseMessage[])[await http.GetAsync(path, Cancellation), await http.DeleteAsync(path, Cancellation)])
            Assert.Equal(field, Text(await ProblemAsync(HttpStatusCode.BadRequest, answer), "field"));
    }

    [Fact]
    public async Task Host_ReadsALease_AndTakesItAway()
    {
        await using var host = HttpHost.Open();
        var realtime = host.Services.GetRequiredService<IRealtime>();
        using var a = await host.ConnectAsync("g1", "a");
        await AskAsync(a, "a", "lease.acquire", """{"name":"lead","ttl_ms":30000}""");

        var held = (await realtime.Lease("g1", "lead", Cancellation)).Value;
        var taken = (await realtime.TakeLease("g1", "lead", Cancellation)).Value;

        Assert.Equal((VisionId.Parse("lead"), VisionId.Parse("a"), 1L), (held.Name, held.Holder, held.Term));
        Assert.InRange(held.ExpiresAt!.Value - DateTime.UtcNow, TimeSpan.FromSeconds(20), TimeSpan.FromSeconds(31));
        Assert.Equal(new LeaseInfo(VisionId.Parse("lead"), null, 1, null), taken);
        await Assert.ThrowsAsync<ArgumentException>(() => realtime.Lease("g1", "a.b", Cancellation));
        await Assert.ThrowsAsync<ArgumentException>(() => realtime.TakeLease("", "lead", Cancellation));
    }

    private static string Request(string from, string cmd, string payload, string more) =>
        $$"""{"msg_type":"cmd","target":"direct","from_id":"{{from}}","to_id":"aether","cmd":"{{cmd}}","payload":{{payload}},"sent_at":"2026-01-02T03:04:05Z","id":"q1"{{more}}}""";

    private static async Task<JsonNode> AskAsync(ClientWebSocket client, string from, string cmd, string payload, string more = "")
    {
        await client.SendAsync(Request(from, cmd, payload, more));
        var answer = await client.ReceiveAsync();
        // What the group or all are sent is heard as well.
        while (Text(answer, "reply_to") != "q1")
            answer = await client.ReceiveAsync();
        Assert.True(Text(answer, "cmd") == "reply", answer.ToJsonString());
        Assert.Equal(
            ("aether", from, "q1"), (Text(answer, "from_id"), Text(answer, "to_id"), Text(answer, "reply_to")));
        return answer["payload"]!;
    }

    private static async Task<JsonNode> RefusedAsync(ClientWebSocket client, string from, string cmd, string payload, string more = "")
    {
        await client.SendAsync(Request(from, cmd, payload, more));
        var answer = await client.ReceiveAsync();
        Assert.Equal(("error", "q1"), (Text(answer, "cmd"), Text(answer, "reply_to")));
        return answer["payload"]!;
    }

    /// <summary>The next frame that is no welcome, nothing of who comes and goes, and, if one is named, of this command.</summary>
    private static async Task<JsonNode> NextAsync(ClientWebSocket client, string? cmd = null)
    {
        while (true)
        {
            var message = await client.ReceiveAsync();
            if (Text(message, "cmd") is not ("welcome" or "join" or "leave") && (cmd is null || Text(message, "cmd") == cmd))
                return message;
        }
    }

    private static async Task<string> ToldAsync(ClientWebSocket client)
    {
        var message = await NextAsync(client);
        Assert.Equal(
            ("presence", "group", "aether", "lease", "g1"),
            (Text(message, "msg_type"), Text(message, "target"), Text(message, "from_id"), Text(message, "cmd"), Text(message, "group_id")));
        var payload = message["payload"]!;
        Assert.Equal("lead", Text(payload, "name"));
        Assert.Equal(payload["holder"] is null, payload["expires_at"] is null);
        return $"{Text(payload, "holder") ?? "-"} {payload["term"]}";
    }

    private static (string? Holder, int Term) Facts(JsonNode lease) => (Text(lease, "holder"), (int)lease["term"]!);

    private static double SecondsLeft(JsonNode lease) =>
        ((DateTime)lease["expires_at"]! - DateTime.UtcNow).TotalSeconds;
}
