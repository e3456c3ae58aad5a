using System.Net;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using Aether.Application.Ports;
using Aether.Domain;
using Aether.Domain.Commands;
using Aether.Tests.Integration.Fixtures;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>Commands over sockets: a controller gives them, workers carry them out, and it is told what became of it.</summary>
public sealed class CommandTests
{
    [Fact]
    public async Task Command_ReachesTheMembers_AndItsGiverIsToldOfEachAndOfTheEnd()
    {
        await using var host = HttpHost.Open();
        await using var boss = await CommandClient.ConnectAsync(host, "boss", "controller");
        await using var a = await CommandClient.ConnectAsync(host, "a");
        await using var b = await CommandClient.ConnectAsync(host, "b");

        var started = await boss.AskWellAsync(
            "command.start", """{"cmd":"update","msg":"please","payload":{"to":"2.4"},"role":"worker"}""");

        Assert.Equal(2, (int)started["targets"]!);
        string id = (string)started["command_id"]!;
        var forA = await a.ExecutionAsync();
        Assert.Equal(
            ("cmd", "direct", "boss", "a", "g1", "update", "please", """{"to":"2.4"}"""),
            ((string?)forA["msg_type"], (string?)forA["target"], (string?)forA["from_id"], (string?)forA["to_id"],
                (string?)forA["group_id"], (string?)forA["cmd"], (string?)forA["msg"], forA["payload"]!.ToJsonString()));
        Assert.Equal((id, 1), ((string?)forA["execution"]!["command_id"], (int)forA["execution"]!["attempt"]!));
        Assert.InRange(
            (DateTime)forA["execution"]!["deadline"]! - DateTime.UtcNow, TimeSpan.FromSeconds(40), TimeSpan.FromSeconds(60));

        Assert.Equal(("in_progress", false), await a.ReportWellAsync(forA, "in_progress", ",\"progress\":{\"done\":1}"));
        Assert.Equal(("succeeded", false), await a.ReportWellAsync(forA, "succeeded", ",\"result\":{\"took\":5}"));
        var forB = await b.ExecutionAsync();
        await b.ReportWellAsync(forB, "failed", ",\"error\":{\"code\":\"full\",\"message\":\"no room\"}");

        var end = await boss.UntilAsync(id, "incomplete");
        Assert.Equal((1, 1), ((int)end["counts"]!["succeeded"]!, (int)end["counts"]!["failed"]!));
        var changes = boss.EventsOf(id).SelectMany(one => one["changes"]!.AsArray()).ToList();
        Assert.Contains(changes, one => (string?)one!["client_id"] == "a" && (int?)one["result"]?["took"] == 5);
        Assert.Contains(changes, one => (string?)one!["client_id"] == "b" && (string?)one["error"]?["code"] == "full");
        var versions = boss.EventsOf(id).Select(one => (long)one["version"]!).ToList();
        Assert.Equal(versions.Order().Distinct(), versions);
        // Who gives a command knows what it wants.
        Assert.DoesNotContain(boss.Received(), one => one["execution"] is not null);
    }

    [Fact]
    public async Task Get_List_AndWatch_TellOfItAfterwards_AlsoSomebodyElse()
    {
        await using var host = HttpHost.Open();
        await using var boss = await CommandClient.ConnectAsync(host, "boss", "controller");
        await using var other = await CommandClient.ConnectAsync(host, "other", "observer");
        await using var a = await CommandClient.ConnectAsync(host, "a");
        string id = await boss.StartAsync("\"cmd\":\"x\",\"to\":[\"a\"]");
        await a.ReportWellAsync(await a.ExecutionAsync(), "succeeded", ",\"result\":{\"n\":1}");
        await boss.UntilAsync(id, "succeeded");

        var got = await other.AskWellAsync("command.get", $$"""{"command_id":"{{id}}"}""");
        Assert.Equal(
            (id, "x", "boss", "succeeded", 1),
            ((string?)got["command_id"], (string?)got["cmd"], (string?)got["from_id"], (string?)got["status"],
                (int)got["counts"]!["succeeded"]!));
        Assert.NotNull(got["ended_at"]);
        var execution = Assert.Single(got["executions"]!.AsArray())!;
        Assert.Equal(("a", "succeeded", 1), ((string?)execution["client_id"], (string?)execution["status"], (int)execution["result"]!["n"]!));

        var listed = await other.AskWellAsync("command.list", """{"status":"succeeded"}""");
        Assert.Equal(id, (string?)Assert.Single(listed["commands"]!.AsArray())!["command_id"]);
        Assert.Empty((await other.AskWellAsync("command.list", """{"status":"paused"}"""))["commands"]!.AsArray());

        await other.AskWellAsync("command.watch", $$"""{"command_id":"{{id}}"}""");
        var told = await other.UntilAsync(id, "succeeded");
        Assert.Equal((long)got["version"]!, (long)told["version"]!);
        Assert.Equal("a", (string?)Assert.Single(told["changes"]!.AsArray())!["client_id"]);
    }

    [Fact]
    public async Task Get_GivesEachOfThem_GivenResultsThatAreLongerThanAMessage()
    {
        await using var host = HttpHost.Open(settings: ("MaxMessageBytes", "17408"));
        await using var boss = await CommandClient.ConnectAsync(host, "boss", "controller");
        string[] names = ["a", "b", "c"];
        string id = await boss.StartAsync("\"cmd\":\"x\",\"to\":[\"a\",\"b\",\"c\"]");
        foreach (string name in names)
        {
            await using var member = await CommandClient.ConnectAsync(host, name);
            var execution = await member.ExecutionAsync();
            await member.ReportWellAsync(execution, "in_progress", $",\"progress\":{{\"x\":\"{new string('x', 2_000)}\"}}");
            await member.ReportWellAsync(execution, "succeeded", $",\"result\":{{\"x\":\"{new string('x', 16_000)}\"}}");
        }
        await boss.UntilAsync(id, "succeeded");

        var got = new List<string>();
        while (got.Count < names.Length)
        {
            var page = await boss.AskWellAsync("command.get", $$"""{"command_id":"{{id}}","offset":{{got.Count}}}""");
            var one = Assert.Single(page["executions"]!.AsArray())!;
            Assert.Equal(16_000, ((string)one["result"]!["x"]!).Length);
            got.Add((string)one["client_id"]!);
        }
        Assert.Equal(names, got);
    }

    [Fact]
    public async Task Watch_AfterAVersion_TellsOnlyWhatChangedSince()
    {
        await using var host = HttpHost.Open();
        await using var boss = await CommandClient.ConnectAsync(host, "boss", "controller");
        await using var a = await CommandClient.ConnectAsync(host, "a");
        await using var b = await CommandClient.ConnectAsync(host, "b");
        string id = await boss.StartAsync("\"cmd\":\"x\",\"to\":[\"a\",\"b\"]");
        await a.ReportWellAsync(await a.ExecutionAsync(), "succeeded");
        var got = await boss.AskWellAsync("command.get", $$"""{"command_id":"{{id}}"}""");
        boss.Cut();

        await using var again = await CommandClient.ConnectAsync(host, "boss", "controller");
        await again.AskWellAsync("command.watch", $$"""{"command_id":"{{id}}","after":{{got["version"]}}}""");
        await b.ReportWellAsync(await b.ExecutionAsync(), "succeeded");

        await again.UntilAsync(id, "succeeded");
        Assert.Equal(
            ["b"],
            again.EventsOf(id).SelectMany(one => one["changes"]!.AsArray()).Select(one => (string?)one!["client_id"]).Distinct());
    }

    [Fact]
    public async Task Watch_TellsAll_GivenMoreResultsThanMayWaitForAClientThatReadsSlowly()
    {
        const int Members = 500;
        await using var host = HttpHost.Open(settings: ("SendQueue:Bytes", "131072"));
        await EndAsync(host, "c1", Members, resultBytes: 16_000);
        using var slow = await host.ConnectAsync("g1", "boss", "role=controller", receiveBuffer: 16_384);

        await slow.SendAsync(
            """{"msg_type":"cmd","target":"direct","from_id":"boss","to_id":"aether","group_id":"g1","cmd":"command.watch","id":"q1","payload":{"command_id":"c1"},"sent_at":"2026-01-02T03:04:05Z"}""");

        var told = new HashSet<string>();
        byte[] buffer = new byte[262_144];
        while (told.Count < Members)
        {
            int length = 0;
            ValueWebSocketReceiveResult part;
            do
            {
                // A little at a time, as over a line that is slower than the server.
                part = await slow.ReceiveAsync(
                    buffer.AsMemory(length, Math.Min(1_024, buffer.Length - length)), TestContext.Current.CancellationToken);
                length += part.Count;
            }
            while (!part.EndOfMessage);
            Assert.True(part.MessageType == WebSocketMessageType.Text, $"closed with {slow.CloseStatus} after {told.Count}");
            var message = JsonNode.Parse(buffer.AsSpan(0, length))!;
            if ((string?)message["cmd"] == "command.event")
                told.UnionWith(message["payload"]!["changes"]!.AsArray().Select(static one => (string)one!["client_id"]!));
        }
    }

    [Fact]
    public async Task Retry_IsForTheLastOfThem_GivenResultsThatAreReadInSeveralParts()
    {
        await using var host = HttpHost.Open();
        await using var boss = await CommandClient.ConnectAsync(host, "boss", "controller");
        await EndAsync(host, "c1", members: 200, resultBytes: 16_000, isLastGood: false);
        Assert.Equal(1, (int)(await boss.AskWellAsync("command.retry", """{"command_id":"c1"}"""))["targets"]!);
    }

    [Fact]
    public async Task Watch_IsToldOnceThatItIsGone_GivenARedisThatWasEmptied()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var host = await HttpHost.OpenAsync(redis);
        await using var boss = await CommandClient.ConnectAsync(host, "boss", "controller");
        await using var a = await CommandClient.ConnectAsync(host, "a");
        string id = await boss.StartAsync("\"cmd\":\"x\",\"to\":[\"a\"]");
        await a.ReportWellAsync(await a.ExecutionAsync(), "in_progress");
        await Eventually.HoldsAsync(() => boss.EventsOf(id).SelectMany(static one => one["changes"]!.AsArray())
            .Any(static one => (string?)one!["status"] == "in_progress"));

        await redis.RunAsync("FLUSHALL");

        var gone = await boss.NextAsync(one => one["payload"]!["error"] is not null);
        Assert.Equal(("command.event", "aether"), ((string?)gone["cmd"], (string?)gone["from_id"]));
        Assert.Equal(
            $$$"""{"command_id":"{{{id}}}","error":{"code":"not_found","message":"the group has no such command, or has it no more"}}""",
            gone["payload"]!.ToJsonString());
        Assert.Equal(
            ("not_found", "payload.command_id"), await boss.AskInVainAsync("command.watch", $$"""{"command_id":"{{id}}"}"""));
        // Another command is told of as ever, and of this one nothing more is.
        string next = await boss.StartAsync("\"cmd\":\"y\",\"to\":[\"a\"]");
        await a.ReportWellAsync(await a.ExecutionAsync(), "succeeded");
        await boss.UntilAsync(next, "succeeded");
        Assert.Same(gone["payload"], boss.EventsOf(id)[^1]);
        Assert.Single(boss.EventsOf(id), one => one["error"] is not null);
    }

    [Fact]
    public async Task Member_GetsWhatItsInstanceDidNotHear_WithoutConnectingAgain()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var proxy = DeafProxy.Start(redis);
        await using var giving = await HttpHost.OpenAsync(redis);
        await using var deaf = await HttpHost.OpenAsync(proxy.ConnectionString);
        await using var boss = await CommandClient.ConnectAsync(giving, "boss", "controller");
        await using var a = await CommandClient.ConnectAsync(deaf, "a");
        // What a new connection is asked for is behind it then.
        await a.AskWellAsync("command.list");

        proxy.IsDeaf = true;
        string id = await boss.StartAsync("\"cmd\":\"x\",\"to\":[\"a\"],\"delivery_timeout_ms\":110000,\"deadline_ms\":120000");
        // It was sent, and for Redis somebody heard it: nobody sends it again by himself.
        await Eventually.HoldsAsync(() => !deaf.Services.GetRequiredService<IMessageBus>().IsReady, TimeSpan.FromSeconds(20));
        Assert.DoesNotContain(a.Received(), static one => one["execution"] is not null);
        proxy.IsDeaf = false;

        await Eventually.HoldsAsync(() => deaf.Services.GetRequiredService<IMessageBus>().IsReady, TimeSpan.FromSeconds(60));
        await a.ReportWellAsync(await a.ExecutionAsync(), "succeeded");
        await boss.UntilAsync(id, "succeeded");
    }

    [Fact]
    public async Task SameId_IsTheSameCommand_AlsoWhenNobodyIsThereAnyMore()
    {
        await using var host = HttpHost.Open();
        await using var boss = await CommandClient.ConnectAsync(host, "boss", "controller");
        string id;
        await using (var a = await CommandClient.ConnectAsync(host, "a"))
        {
            id = (string)(await boss.AskWellAsync("command.start", """{"cmd":"x","role":"worker"}""", question: "m1"))["command_id"]!;
            await a.ExecutionAsync();
        }
        await Eventually.HoldsAsync(async () =>
            (string?)(await boss.AskAsync("command.start", """{"cmd":"x","role":"worker"}"""))["payload"]!["code"] == "no_recipients");

        var again = await boss.AskWellAsync("command.start", """{"cmd":"x","role":"worker"}""", question: "m1");
        Assert.Equal((id, 1), ((string?)again["command_id"], (int)again["targets"]!));
    }

    [Fact]
    public async Task Nobody_IsToldAtOnce()
    {
        await using var host = HttpHost.Open();
        await using var boss = await CommandClient.ConnectAsync(host, "boss", "controller");
        Assert.Equal(("no_recipients", null), await boss.AskInVainAsync("command.start", """{"cmd":"x","role":"worker"}"""));
        Assert.Equal(("no_recipients", null), await boss.AskInVainAsync("command.start", """{"cmd":"x"}"""));
        Assert.Empty((await boss.AskWellAsync("command.list"))["commands"]!.AsArray());
    }

    [Fact]
    public async Task Absent_IsUndeliverable_AndMayComeInTime()
    {
        await using var host = HttpHost.Open();
        await using var boss = await CommandClient.ConnectAsync(host, "boss", "controller");
        string late = await boss.StartAsync("\"cmd\":\"x\",\"to\":[\"never\",\"a\"],\"delivery_timeout_ms\":1500");
        await using var a = await CommandClient.ConnectAsync(host, "a");
        await a.ReportWellAsync(await a.ExecutionAsync(), "succeeded");
        var end = await boss.UntilAsync(late, "incomplete");
        Assert.Equal((1, 1), ((int)end["counts"]!["succeeded"]!, (int)end["counts"]!["undeliverable"]!));
    }

    [Fact]
    public async Task TwoConnections_TheFirstThatSpeaksHasIt_UntilItIsGone()
    {
        await using var host = HttpHost.Open();
        await using var boss = await CommandClient.ConnectAsync(host, "boss", "controller");
        await using var first = await CommandClient.ConnectAsync(host, "a");
        await using var second = await CommandClient.ConnectAsync(host, "a");
        string id = await boss.StartAsync("\"cmd\":\"x\",\"to\":[\"a\"]");
        var execution = await first.ExecutionAsync();
        var same = await second.ExecutionAsync();
        Assert.Equal((string?)execution["id"], (string?)same["id"]);

        await second.ReportWellAsync(same, "in_progress");
        foreach (string status in new[] { "in_progress", "succeeded" })
        {
            var answer = await first.ReportAsync(execution, status);
            Assert.Equal(("error", "stale_attempt"), ((string?)answer["cmd"], (string?)answer["payload"]!["code"]));
        }
        second.Cut();

        await Eventually.HoldsAsync(async () => (string?)(await first.ReportAsync(execution, "succeeded"))["cmd"] == "reply");
        await boss.UntilAsync(id, "succeeded");
    }

    [Fact]
    public async Task NewConnection_GetsWhatWasNotTaken_AndNotWhatWas()
    {
        await using var host = HttpHost.Open();
        await using var boss = await CommandClient.ConnectAsync(host, "boss", "controller");
        await using var a = await CommandClient.ConnectAsync(host, "a");
        string first = await boss.StartAsync("\"cmd\":\"x\",\"to\":[\"a\"]");
        string second = await boss.StartAsync("\"cmd\":\"y\",\"to\":[\"a\"]");
        await a.ReportWellAsync(await a.ExecutionAsync(one => (string?)one["cmd"] == "x"), "in_progress");
        a.Cut();

        await using var again = await CommandClient.ConnectAsync(host, "a");
        var execution = await again.ExecutionAsync();
        Assert.Equal((second, "y", 1), ((string?)execution["execution"]!["command_id"], (string?)execution["cmd"], (int)execution["execution"]!["attempt"]!));
        await again.AskWellAsync("command.list");
        Assert.DoesNotContain(again.Received(), one => (string?)one["execution"]?["command_id"] == first);
    }

    [Fact]
    public async Task Cancel_AsksWhoIsAtIt_AndEndsTheRest()
    {
        await using var host = HttpHost.Open();
        await using var boss = await CommandClient.ConnectAsync(host, "boss", "controller");
        await using var a = await CommandClient.ConnectAsync(host, "a");
        await using var b = await CommandClient.ConnectAsync(host, "b");
        string id = await boss.StartAsync("\"cmd\":\"x\",\"to\":[\"a\",\"b\"],\"max_concurrency\":1");
        var execution = await a.ExecutionAsync();
        await a.ReportWellAsync(execution, "in_progress");

        Assert.Equal(("forbidden", null), await b.AskInVainAsync("command.cancel", $$"""{"command_id":"{{id}}"}"""));
        var standing = await boss.AskWellAsync("command.cancel", $$"""{"command_id":"{{id}}"}""");

        Assert.Equal(("in_progress", "requested"), ((string?)standing["status"], (string?)standing["reason"]));
        var asked = await a.NextAsync(one => (string?)one["cmd"] == "execution.cancel");
        Assert.Equal(("aether", (string?)execution["id"]), ((string?)asked["from_id"], (string?)asked["reply_to"]));
        Assert.True((await a.ReportWellAsync(execution, "in_progress")).Cancel);
        await a.ReportWellAsync(execution, "canceled");
        var end = await boss.UntilAsync(id, "canceled");
        Assert.Equal(2, (int)end["counts"]!["canceled"]!);
        Assert.DoesNotContain(b.Received(), one => one["execution"] is not null);
    }

    [Fact]
    public async Task Batches_PauseAndGoOn_AndRetryIsForThoseThatFailed()
    {
        await using var host = HttpHost.Open();
        await using var boss = await CommandClient.ConnectAsync(host, "boss", "controller");
        await using var a = await CommandClient.ConnectAsync(host, "a");
        await using var b = await CommandClient.ConnectAsync(host, "b");
        string id = await boss.StartAsync("\"cmd\":\"x\",\"role\":\"worker\",\"batches\":[1,1],\"pause\":true");
        await a.ReportWellAsync(await a.ExecutionAsync(), "succeeded");
        var paused = await boss.UntilAsync(id, "paused");
        Assert.Equal(("batch_ended", 1, 1), ((string?)paused["reason"], (int)paused["batch"]!, (int)paused["counts"]!["queued"]!));
        Assert.Equal(
            ("invalid_message", "payload.command_id"),
            await boss.AskInVainAsync("command.retry", $$"""{"command_id":"{{id}}"}"""));

        await boss.AskWellAsync("command.resume", $$"""{"command_id":"{{id}}"}""");
        await b.ReportWellAsync(await b.ExecutionAsync(), "rejected");
        await boss.UntilAsync(id, "incomplete");

        var retry = await boss.AskWellAsync("command.retry", $$"""{"command_id":"{{id}}"}""");
        Assert.Equal(1, (int)retry["targets"]!);
        await b.ReportWellAsync(await b.ExecutionAsync(one => (string?)one["execution"]!["command_id"] != id), "succeeded");
        await boss.UntilAsync((string)retry["command_id"]!, "succeeded");
        Assert.Equal(
            ("no_recipients", null),
            await boss.AskInVainAsync("command.retry", $$"""{"command_id":"{{retry["command_id"]}}"}"""));
    }

    [Fact]
    public async Task PlainMember_AnswersByHand()
    {
        await using var host = HttpHost.Open();
        await using var boss = await CommandClient.ConnectAsync(host, "boss", "controller");
        await using var a = await CommandClient.ConnectAsync(host, "a");
        await using var b = await CommandClient.ConnectAsync(host, "b");
        await using var stranger = await CommandClient.ConnectAsync(host, "stranger", "observer");
        string id = await boss.StartAsync("\"cmd\":\"x\",\"role\":\"worker\"");
        var (forA, forB) = (await a.ExecutionAsync(), await b.ExecutionAsync());

        await stranger.SendAsync("cmd", "boss", "reply", """{"v":0}""", $",\"reply_to\":\"{forA["id"]}\"");
        await a.SendAsync("cmd", "boss", "reply", """{"v":7}""", $",\"reply_to\":\"{forA["id"]}\"");
        await b.SendAsync("cmd", "boss", "reply_error", """{"code":"no","message":"never"}""", $",\"reply_to\":\"{forB["id"]}\"");

        await boss.UntilAsync(id, "incomplete");
        var got = await boss.AskWellAsync("command.get", $$"""{"command_id":"{{id}}"}""");
        Assert.Equal(7, (int)got["executions"]![0]!["result"]!["v"]!);
        Assert.Equal(("failed", "no"), ((string?)got["executions"]![1]!["status"], (string?)got["executions"]![1]!["error"]!["code"]));
        // They are passed on as well.
        await boss.NextAsync(one => (string?)one["from_id"] == "a" && (string?)one["cmd"] == "reply");
    }

    [Theory]
    [InlineData("cmd")]
    [InlineData("msg")]
    public async Task PlainMember_SaysNothingThatCounts_UnderALeaseThatItDoesNotHold(string kept)
    {
        await using var host = HttpHost.Open(settings: ("History:Types:0", kept));
        await using var boss = await CommandClient.ConnectAsync(host, "boss", "controller");
        await using var a = await CommandClient.ConnectAsync(host, "a");
        string id = await boss.StartAsync("\"cmd\":\"x\",\"to\":[\"a\"]");
        string answers = $",\"reply_to\":\"{(await a.ExecutionAsync())["id"]}\",\"lease\":{{\"name\":\"lead\",\"term\":1}}";

        await a.SendAsync("cmd", "boss", "reply", """{"v":0}""", answers + ",\"id\":\"old\"");
        var refused = await a.NextAsync(static one => (string?)one["reply_to"] == "old");
        Assert.Equal(("error", "stale_term"), ((string?)refused["cmd"], (string?)refused["payload"]!["code"]));
        await a.AskWellAsync("lease.acquire", """{"name":"lead","ttl_ms":60000}""");
        await a.SendAsync("cmd", "boss", "reply", """{"v":7}""", answers);

        await boss.UntilAsync(id, "succeeded");
        var got = await boss.AskWellAsync("command.get", $$"""{"command_id":"{{id}}"}""");
        Assert.Equal(7, (int)got["executions"]![0]!["result"]!["v"]!);
        var heard = await boss.NextAsync(static one => (string?)one["from_id"] == "a" && (string?)one["cmd"] == "reply");
        Assert.Equal(7, (int)heard["payload"]!["v"]!);
    }

    [Fact]
    public async Task PlainMember_CountsUnderALease_AlsoIfItsGiverIsGone()
    {
        await using var host = HttpHost.Open();
        await using var a = await CommandClient.ConnectAsync(host, "a");
        await using var observer = await CommandClient.ConnectAsync(host, "observer", "observer");
        string id;
        await using (var boss = await CommandClient.ConnectAsync(host, "boss", "controller"))
            id = await boss.StartAsync("\"cmd\":\"x\",\"to\":[\"a\"]");
        var execution = await a.ExecutionAsync();
        await observer.AskWellAsync("command.watch", $$"""{"command_id":"{{id}}"}""");
        await a.AskWellAsync("lease.acquire", """{"name":"lead","ttl_ms":60000}""");
        using var http = host.CreateClient();
        await Eventually.HoldsAsync(async () =>
        {
            using var found = await http.GetAsync(
                new Uri("/v3/groups/g1/clients/boss", UriKind.Relative), TestContext.Current.CancellationToken);
            return found.StatusCode == HttpStatusCode.NotFound;
        });
        await a.SendAsync(
            "cmd", "boss", "reply", "{}", $",\"reply_to\":\"{execution["id"]}\",\"lease\":{{\"name\":\"lead\",\"term\":1}}");
        await observer.UntilAsync(id, "succeeded");
    }

    [Fact]
    public async Task Continuous_TakesInWhoComes_AndEndsAtItsDeadline()
    {
        await using var host = HttpHost.Open();
        await using var boss = await CommandClient.ConnectAsync(host, "boss", "controller");
        await using var a = await CommandClient.ConnectAsync(host, "a");
        string id = await boss.StartAsync("\"cmd\":\"x\",\"role\":\"worker\",\"targets\":\"continuous\",\"deadline_ms\":3000");
        await a.ReportWellAsync(await a.ExecutionAsync(), "succeeded");
        await using var late = await CommandClient.ConnectAsync(host, "late");
        await using var observer = await CommandClient.ConnectAsync(host, "watcher", "observer");
        await late.ReportWellAsync(await late.ExecutionAsync(), "succeeded");
        var end = await boss.UntilAsync(id, "succeeded");
        Assert.Equal(2, (int)end["counts"]!["succeeded"]!);
        Assert.DoesNotContain(observer.Received(), one => one["execution"] is not null);
    }

    [Fact]
    public async Task Deadline_Ends_WithinTwoSeconds()
    {
        await using var host = HttpHost.Open();
        await using var boss = await CommandClient.ConnectAsync(host, "boss", "controller");
        await using var a = await CommandClient.ConnectAsync(host, "a");
        string id = await boss.StartAsync("\"cmd\":\"x\",\"to\":[\"a\"],\"deadline_ms\":500");
        var execution = await a.ExecutionAsync();
        await a.ReportWellAsync(execution, "in_progress");
        await boss.UntilAsync(id, "timed_out");
        var got = await boss.AskWellAsync("command.get", $$"""{"command_id":"{{id}}"}""");
        Assert.Equal("timed_out", (string?)got["executions"]![0]!["status"]);
        Assert.InRange(
            (DateTime)got["ended_at"]! - (DateTime)got["created_at"]!, TimeSpan.FromSeconds(0.5), TimeSpan.FromSeconds(2.5));

        await a.ReportWellAsync(execution, "succeeded");
        got = await boss.AskWellAsync("command.get", $$"""{"command_id":"{{id}}"}""");
        Assert.Equal(
            ("timed_out", "timed_out", "succeeded"),
            ((string?)got["status"], (string?)got["executions"]![0]!["status"], (string?)got["executions"]![0]!["late"]!["status"]));
    }

    [Theory]
    [InlineData("{}", "payload.cmd")]
    [InlineData("""{"cmd":""}""", "payload.cmd")]
    [InlineData("""{"cmd":7}""", "payload.cmd")]
    [InlineData("""{"cmd":"x","msg":7}""", "payload.msg")]
    [InlineData("""{"cmd":"x","payload":[]}""", "payload.payload")]
    [InlineData("""{"cmd":"x","to":[]}""", "payload.to")]
    [InlineData("""{"cmd":"x","to":["a b"]}""", "payload.to")]
    [InlineData("""{"cmd":"x","to":["aether"]}""", "payload.to")]
    [InlineData("""{"cmd":"x","to":"a"}""", "payload.to")]
    [InlineData("""{"cmd":"x","to":["a"],"role":"worker"}""", "payload.role")]
    [InlineData("""{"cmd":"x","to":["a"],"targets":"continuous"}""", "payload.targets")]
    [InlineData("""{"cmd":"x","role":"boss"}""", "payload.role")]
    [InlineData("""{"cmd":"x","targets":"all"}""", "payload.targets")]
    [InlineData("""{"cmd":"x","delivery_timeout_ms":0}""", "payload.delivery_timeout_ms")]
    [InlineData("""{"cmd":"x","in_progress_timeout_ms":-1}""", "payload.in_progress_timeout_ms")]
    [InlineData("""{"cmd":"x","deadline_ms":86400001}""", "payload.deadline_ms")]
    [InlineData("""{"cmd":"x","deadline_ms":"60000"}""", "payload.deadline_ms")]
    [InlineData("""{"cmd":"x","attempts":0}""", "payload.attempts")]
    [InlineData("""{"cmd":"x","attempts":11}""", "payload.attempts")]
    [InlineData("""{"cmd":"x","min_succeeded":0}""", "payload.min_succeeded")]
    [InlineData("""{"cmd":"x","min_succeeded":1.5}""", "payload.min_succeeded")]
    [InlineData("""{"cmd":"x","stop_at_quorum":"yes"}""", "payload.stop_at_quorum")]
    [InlineData("""{"cmd":"x","max_concurrency":0}""", "payload.max_concurrency")]
    [InlineData("""{"cmd":"x","batches":[0]}""", "payload.batches")]
    [InlineData("""{"cmd":"x","batches":1}""", "payload.batches")]
    [InlineData("""{"cmd":"x","pause":1}""", "payload.pause")]
    [InlineData("""{"cmd":"x","abort":{}}""", "payload.abort")]
    [InlineData("""{"cmd":"x","abort":{"failures":0.1,"min_executed":0}}""", "payload.abort")]
    [InlineData("""{"cmd":"x","abort":{"failure":1}}""", "payload.abort")]
    [InlineData("""{"cmd":"x","lease":{"name":"l"}}""", "payload.lease")]
    [InlineData("""{"cmd":"x","abbort":{"failures":1}}""", "payload.abbort")]
    [InlineData("""{"cmd":"x","cmd":"y"}""", "payload.cmd")]
    public async Task Start_NamesWhatIsWrong_AndTheConnectionStays(string payload, string field)
    {
        await using var host = HttpHost.Open();
        await using var boss = await CommandClient.ConnectAsync(host, "boss", "controller");
        Assert.Equal(("invalid_message", field), await boss.AskInVainAsync("command.start", payload));
        Assert.Empty((await boss.AskWellAsync("command.list"))["commands"]!.AsArray());
    }

    [Theory]
    [InlineData("command.get", "{}", "invalid_message", "payload.command_id")]
    [InlineData("command.get", """{"command_id":"../x"}""", "invalid_message", "payload.command_id")]
    [InlineData("command.get", """{"command_id":"abc"}""", "not_found", "payload.command_id")]
    [InlineData("command.get", """{"command_id":"abc","limit":501}""", "invalid_message", "payload.limit")]
    [InlineData("command.get", """{"command_id":"abc","offset":-1}""", "invalid_message", "payload.offset")]
    [InlineData("command.list", """{"status":"done"}""", "invalid_message", "payload.status")]
    [InlineData("command.list", """{"limit":0}""", "invalid_message", "payload.limit")]
    [InlineData("command.cancel", """{"command_id":"abc"}""", "not_found", "payload.command_id")]
    [InlineData("command.resume", "{}", "invalid_message", "payload.command_id")]
    [InlineData("command.retry", """{"command_id":"abc"}""", "not_found", "payload.command_id")]
    [InlineData("command.watch", """{"command_id":"abc"}""", "not_found", "payload.command_id")]
    [InlineData("command.watch", """{"command_id":"abc","after":-1}""", "invalid_message", "payload.after")]
    [InlineData("execution.update", """{"attempt":1,"status":"succeeded"}""", "invalid_message", "reply_to")]
    [InlineData("command.nothing", "{}", "unknown_command", "cmd")]
    public async Task Request_NamesWhatIsWrong_AndTheConnectionStays(string cmd, string payload, string code, string field)
    {
        await using var host = HttpHost.Open();
        await using var boss = await CommandClient.ConnectAsync(host, "boss", "controller");
        Assert.Equal((code, field), await boss.AskInVainAsync(cmd, payload));
        await boss.AskWellAsync("command.list");
    }

    [Theory]
    [InlineData("""{"attempt":0,"status":"succeeded"}""", "invalid_message", "payload.attempt")]
    [InlineData("""{"status":"succeeded"}""", "invalid_message", "payload.attempt")]
    [InlineData("""{"attempt":1,"status":"timed_out"}""", "invalid_message", "payload.status")]
    [InlineData("""{"attempt":1}""", "invalid_message", "payload.status")]
    [InlineData("""{"attempt":1,"status":"in_progress","progress":[]}""", "invalid_message", "payload.progress")]
    [InlineData("""{"attempt":1,"status":"succeeded","result":7}""", "invalid_message", "payload.result")]
    [InlineData("""{"attempt":1,"status":"failed","error":{"message":"x"}}""", "invalid_message", "payload.error")]
    [InlineData("""{"attempt":2,"status":"succeeded"}""", "stale_attempt", "attempt")]
    public async Task Update_NamesWhatIsWrong_AndChangesNothing(string payload, string code, string field)
    {
        await using var host = HttpHost.Open();
        await using var boss = await CommandClient.ConnectAsync(host, "boss", "controller");
        await using var a = await CommandClient.ConnectAsync(host, "a");
        string id = await boss.StartAsync("\"cmd\":\"x\",\"to\":[\"a\"]");
        var execution = await a.ExecutionAsync();
        Assert.Equal((code, field), await a.AskInVainAsync("execution.update", payload, $",\"reply_to\":\"{execution["id"]}\""));
        // Of whom nothing is wanted.
        Assert.Equal("not_found", (await boss.AskInVainAsync(
            "execution.update", """{"attempt":1,"status":"succeeded"}""", $",\"reply_to\":\"{execution["id"]}\"")).Code);
        await a.ReportWellAsync(execution, "succeeded");
        await boss.UntilAsync(id, "succeeded");
    }

    [Theory]
    [InlineData("progress", 2_049, false)]
    [InlineData("progress", 2_048, true)]
    [InlineData("result", 16_385, false)]
    [InlineData("result", 16_384, true)]
    public async Task Update_IsBounded_InBytes(string field, int bytes, bool good)
    {
        await using var host = HttpHost.Open();
        await using var boss = await CommandClient.ConnectAsync(host, "boss", "controller");
        await using var a = await CommandClient.ConnectAsync(host, "a");
        await boss.StartAsync("\"cmd\":\"x\",\"to\":[\"a\"]");
        var execution = await a.ExecutionAsync();
        string value = "{\"x\":\"" + new string('x', bytes - 8) + "\"}";
        var answer = await a.ReportAsync(
            execution, field == "progress" ? "in_progress" : "succeeded", $",\"{field}\":{value}");
        Assert.Equal(good ? "reply" : "error", (string?)answer["cmd"]);
    }

    [Theory]
    [InlineData("progress", 59, true)]
    [InlineData("progress", 60, false)]
    [InlineData("result", 59, true)]
    [InlineData("result", 60, false)]
    public async Task Update_IsBounded_InDepth_SoThatEventsAndAnswersAreNoDeeperThanAMessage(string field, int depth, bool isGood)
    {
        await using var host = HttpHost.Open();
        await using var boss = await CommandClient.ConnectAsync(host, "boss", "controller");
        await using var a = await CommandClient.ConnectAsync(host, "a");
        string id = await boss.StartAsync("\"cmd\":\"x\",\"to\":[\"a\"],\"attempts\":2");
        var execution = await a.ExecutionAsync();
        string deep = $",\"{field}\":{Nested(depth)}";
        string status = field == "progress" ? "in_progress" : "succeeded";
        if (!isGood)
        {
            Assert.Equal(
                ("invalid_message", "payload." + field),
                await a.AskInVainAsync(
                    "execution.update",
                    $$"""{"attempt":1,"status":"{{status}}"{{deep}}}""",
                    $",\"reply_to\":\"{execution["id"]}\""));
            return;
        }
        // Said too late, of the attempt before, it stands a level deeper than in time.
        await a.ReportWellAsync(execution, "failed");
        var second = await a.ExecutionAsync();
        await a.ReportAsync(execution, status, deep);
        await a.ReportWellAsync(second, status, deep);

        // Its reader takes 64 levels, and not one more.
        var told = await boss.NextAsync(one => one["payload"]!["changes"] is JsonArray { Count: 1 } changes
            && changes[0]![field] is not null);
        Assert.Equal(Nested(depth), told["payload"]!["changes"]![0]![field]!.ToJsonString());
        var got = (await boss.AskWellAsync("command.get", $$"""{"command_id":"{{id}}"}"""))["executions"]![0]!;
        Assert.Equal(Nested(depth), got[field]!.ToJsonString());
        if (field == "result")
            Assert.Equal(Nested(depth), got["late"]!["result"]!.ToJsonString());
    }

    [Theory]
    [InlineData("command.cancel")]
    [InlineData("command.resume")]
    [InlineData("execution.update")]
    [InlineData("lease.acquire")]
    [InlineData("lease.renew")]
    [InlineData("lease.release")]
    public async Task Change_IsRefused_UnderALeaseThatIsNotHeld_AndCarriedOutUnderOneThatIs(string cmd)
    {
        await using var host = HttpHost.Open();
        await using var boss = await CommandClient.ConnectAsync(host, "boss", "controller");
        await using var other = await CommandClient.ConnectAsync(host, "other", "controller");
        foreach (string name in new[] { "lead", "own" })
            await boss.AskWellAsync("lease.acquire", $$"""{"name":"{{name}}","ttl_ms":60000}""");
        await other.StartAsync("\"cmd\":\"x\",\"to\":[\"boss\"]");
        string mine = (string)(await boss.ExecutionAsync())["id"]!;
        string paused = await boss.StartAsync("\"cmd\":\"x\",\"to\":[\"never\",\"away\"],\"batches\":[1,1],\"pause\":true,\"delivery_timeout_ms\":1");
        await boss.UntilAsync(paused, "paused");
        string payload = cmd switch
        {
            "command.cancel" or "command.resume" => $$"""{"command_id":"{{paused}}"}""",
            "execution.update" => """{"attempt":1,"status":"succeeded"}""",
            _ => """{"name":"own","term":1,"ttl_ms":60000}""",
        };
        string more = cmd == "execution.update" ? $",\"reply_to\":\"{mine}\"" : "";

        Assert.Equal(
            ("stale_term", "lease"), await boss.AskInVainAsync(cmd, payload, more + ",\"lease\":{\"name\":\"lead\",\"term\":2}"));

        var before = await boss.AskWellAsync("command.get", $$"""{"command_id":"{{paused}}"}""");
        Assert.Equal("paused", (string?)before["status"]);
        Assert.Equal("boss", (string?)(await boss.AskWellAsync("lease.get", """{"name":"own"}"""))["holder"]);
        Assert.Empty((await boss.AskWellAsync("command.list", """{"status":"succeeded"}"""))["commands"]!.AsArray());
        // What only asks is answered.
        await boss.AskWellAsync("lease.get", """{"name":"own"}""", ",\"lease\":{\"name\":\"lead\",\"term\":2}");
        await boss.AskWellAsync(cmd, payload, more + ",\"lease\":{\"name\":\"lead\",\"term\":1}");
    }

    [Fact]
    public async Task Start_NamesTheLease_GivenAnotherOneInThePayloadThanInTheMessage()
    {
        await using var host = HttpHost.Open();
        await using var boss = await CommandClient.ConnectAsync(host, "boss", "controller");
        await boss.AskWellAsync("lease.acquire", """{"name":"lead","ttl_ms":60000}""");
        const string Held = "\"lease\":{\"name\":\"lead\",\"term\":1}";
        foreach (string lease in new[] { """{"name":"lead","term":2}""", """{"name":"other","term":1}""" })
        {
            Assert.Equal(
                ("invalid_message", "payload.lease"),
                await boss.AskInVainAsync("command.start", $$"""{"cmd":"x","to":["a"],"lease":{{lease}}}""", "," + Held));
        }
        Assert.Empty((await boss.AskWellAsync("command.list"))["commands"]!.AsArray());
        await boss.AskWellAsync("command.start", $$"""{"cmd":"x","to":["a"],{{Held}}}""", "," + Held);
    }

    [Fact]
    public async Task Retry_IsUnderTheLeaseOfTheMessage_OrElseOfTheOrder()
    {
        await using var host = HttpHost.Open();
        await using var boss = await CommandClient.ConnectAsync(host, "boss", "controller");
        await using var other = await CommandClient.ConnectAsync(host, "other", "controller");
        await boss.AskWellAsync("lease.acquire", """{"name":"lead","ttl_ms":60000}""");
        string id = await boss.StartAsync(
            "\"cmd\":\"x\",\"to\":[\"a\"],\"delivery_timeout_ms\":1,\"lease\":{\"name\":\"lead\",\"term\":1}");
        await boss.UntilAsync(id, "failed");
        string asked = $$"""{"command_id":"{{id}}"}""";
        await boss.AskWellAsync("command.retry", asked);

        await boss.AskWellAsync("lease.release", """{"name":"lead","term":1}""");
        await other.AskWellAsync("lease.acquire", """{"name":"lead","ttl_ms":60000}""");
        await other.AskWellAsync("lease.release", """{"name":"lead","term":2}""");
        await boss.AskWellAsync("lease.acquire", """{"name":"lead","ttl_ms":60000}""");

        Assert.Equal("stale_term", (await boss.AskInVainAsync("command.retry", asked)).Code);
        Assert.Equal(
            "stale_term", (await boss.AskInVainAsync("command.retry", asked, ",\"lease\":{\"name\":\"lead\",\"term\":2}")).Code);
        await using var a = await CommandClient.ConnectAsync(host, "a");
        var retried = await boss.AskWellAsync("command.retry", asked, ",\"lease\":{\"name\":\"lead\",\"term\":3}");
        var execution = await a.ExecutionAsync(one => (string?)one["execution"]!["command_id"] == (string?)retried["command_id"]);
        Assert.Equal("""{"name":"lead","term":3}""", execution["lease"]!.ToJsonString());
    }

    [Fact]
    public async Task Givers_AreTheRolesThatMay()
    {
        await using var host = HttpHost.Open(settings: [("Commands:Givers:0", "controller")]);
        await using var boss = await CommandClient.ConnectAsync(host, "boss", "controller");
        await using var a = await CommandClient.ConnectAsync(host, "a");
        Assert.Equal(("forbidden", null), await a.AskInVainAsync("command.start", """{"cmd":"x","to":["boss"]}"""));
        await boss.StartAsync("\"cmd\":\"x\",\"to\":[\"a\"]");
    }

    [Fact]
    public async Task Running_IsBounded_ForEachGroup()
    {
        await using var host = HttpHost.Open(settings: [("Commands:Running", "1")]);
        await using var boss = await CommandClient.ConnectAsync(host, "boss", "controller");
        await boss.StartAsync("\"cmd\":\"x\",\"to\":[\"a\"]");
        Assert.Equal(("too_many_commands", null), await boss.AskInVainAsync("command.start", """{"cmd":"x","to":["a"]}"""));
        await using var elsewhere = await CommandClient.ConnectAsync(host, "boss", "controller", "g2");
        await elsewhere.StartAsync("\"cmd\":\"x\",\"to\":[\"a\"]");
    }

    [Fact]
    public async Task Events_ComeAtMostTenTimesASecond_AndAreSplitWhereTheyWouldBeTooLong()
    {
        await using var host = HttpHost.Open(settings: [("MaxMessageBytes", "8192"), ("RateLimit:PerSecond", "0")]);
        await using var boss = await CommandClient.ConnectAsync(host, "boss", "controller");
        await using var a = await CommandClient.ConnectAsync(host, "a");
        string names = string.Join(',', Enumerable.Range(0, 300).Select(i => $"\"member-{i:000}\""));
        string id = await boss.StartAsync($"\"cmd\":\"x\",\"to\":[\"a\",{names}],\"delivery_timeout_ms\":4000,\"deadline_ms\":5000");
        var execution = await a.ExecutionAsync();
        for (int i = 0; i < 200; i++)
            await a.ReportWellAsync(execution, "in_progress", $",\"progress\":{{\"n\":{i}}}");
        await a.ReportWellAsync(execution, "succeeded");
        // The status of the end stands in each of its parts.
        List<JsonNode?> said = [];
        await Eventually.HoldsAsync(() =>
        {
            said = boss.EventsOf(id).SelectMany(one => one["changes"]!.AsArray()).ToList();
            return said.Count(one => (string?)one!["status"] == "undeliverable") >= 300;
        });
        await boss.UntilAsync(id, "incomplete");
        Assert.All(boss.Received(), one => Assert.InRange(one.ToJsonString().Length, 1, 8_192));
        // The one that is there may have begun before the first look.
        Assert.Equal(300, said.Where(one => (string?)one!["status"] == "sent").Select(one => (string?)one!["client_id"])
            .Where(static one => one != "a").Distinct().Count());
        Assert.Equal(300, said.Count(one => (string?)one!["status"] == "undeliverable"));
        // Two hundred words of progress in much less than that: the last one of each tenth of a second.
        Assert.InRange(said.Count(one => (string?)one!["status"] == "in_progress"), 1, 60);
    }

    /// <summary>An object with so many levels.</summary>
    private static string Nested(int depth) =>
        "{\"a\":" + new string('[', depth - 1) + new string(']', depth - 1) + "}";

    /// <summary>A command that all members have carried out, with results of this length.</summary>
    private static async Task EndAsync(HttpHost host, string id, int members, int resultBytes, bool isLastGood = true)
    {
        var store = host.Services.GetRequiredService<ICommandStore>();
        var group = VisionId.Parse("g1");
        var order = new CommandOrder
        {
            Id = id,
            GroupId = group,
            FromId = VisionId.Parse("boss"),
            Cmd = "work",
            Payload = "{}"u8.ToArray(),
            Plan = new CommandPlan(),
        };
        VisionId[] all = [.. Enumerable.Range(0, members).Select(static i => VisionId.Parse("m" + i))];
        await store.StartAsync(order, all, TestContext.Current.CancellationToken);
        byte[] result = Encoding.UTF8.GetBytes($"{{\"x\":\"{new string('x', resultBytes)}\"}}");
        for (int i = 0; i < members; i++)
        {
            var report = new ExecutionReport
            {
                Index = i,
                Member = all[i],
                By = "i1/w",
                Attempt = 1,
                Status = i < members - 1 || isLastGood ? ExecutionStatus.Succeeded : ExecutionStatus.Failed,
                Result = result,
            };
            await store.ApplyAsync(group, id, new MemberReported(report), TestContext.Current.CancellationToken);
        }
    }
}
