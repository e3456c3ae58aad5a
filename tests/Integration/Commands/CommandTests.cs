using Aether.Application.Ports;
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
        string late = await boss.StartAsync("\"cmd\":\"x\",\"to\":[\"never\",\"a\"],\"delivery_timeout_ms\":6000");
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

    [Fact]
    public async Task Continuous_TakesInWhoComes_AndEndsAtItsDeadline()
    {
        await using var host = HttpHost.Open();
        await using var boss = await CommandClient.ConnectAsync(host, "boss", "controller");
        await using var a = await CommandClient.ConnectAsync(host, "a");
        string id = await boss.StartAsync("\"cmd\":\"x\",\"role\":\"worker\",\"targets\":\"continuous\",\"deadline_ms\":8000");
        await a.ReportWellAsync(await a.ExecutionAsync(), "succeeded");
        await using var late = await CommandClient.ConnectAsync(host, "late");
        await using var observer = await CommandClient.ConnectAsync(host, "watcher", "observer");
        await late.ReportWellAsync(await late.ExecutionAsync(), "succeeded");
        var end = await boss.UntilAsync(id, "succeeded");
        Assert.Equal(2, (int)end["counts"]!["succeeded"]!);
        Assert.DoesNotContain(observer.Received(), one => one["execution"] is not null);
    }

    [Fact]
    public async Task Deadline_EndsIt_AndWhatIsSaidLaterIsKeptAsLate()
    {
        await using var host = HttpHost.Open();
        await using var boss = await CommandClient.ConnectAsync(host, "boss", "controller");
        await using var a = await CommandClient.ConnectAsync(host, "a");
        string id = await boss.StartAsync("\"cmd\":\"x\",\"to\":[\"a\"],\"deadline_ms\":4000");
        var execution = await a.ExecutionAsync();
        await a.ReportWellAsync(execution, "in_progress");
        await boss.UntilAsync(id, "timed_out");
        var got = await boss.AskWellAsync("command.get", $$"""{"command_id":"{{id}}"}""");
        Assert.Equal("timed_out", (string?)got["executions"]![0]!["status"]);
        Assert.InRange(
            (DateTime)got["ended_at"]! - (DateTime)got["created_at"]!, TimeSpan.FromSeconds(4), TimeSpan.FromSeconds(20));

        await a.ReportWellAsync(execution, "succeeded");
        got = await boss.AskWellAsync("command.get", $$"""{"command_id":"{{id}}"}""");
        Assert.Equal(
            ("timed_out", "timed_out", "succeeded"),
            ((string?)got["status"], (string?)got["executions"]![0]!["status"], (string?)got["executions"]![0]!["late"]!["status"]));
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
}
