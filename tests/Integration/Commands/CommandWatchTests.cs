using System.Diagnostics;
using System.Net.WebSockets;
using System.Text.Json.Nodes;
using Aether.Application.Ports;
using Aether.Domain;
using Aether.Tests.Integration.Fixtures;
using Aether.Tests.Unit.Commands;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>What whoever asks for a command or watches it is told, in answers and events that are never too long.</summary>
public sealed class CommandWatchTests
{
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
    public async Task Events_ComeAtMostTenTimesASecond_AndAreSplitWhereTheyWouldBeTooLong()
    {
        await using var host = HttpHost.Open(settings: [("MaxMessageBytes", "8192"), ("RateLimit:PerSecond", "0")]);
        await using var boss = await CommandClient.ConnectAsync(host, "boss", "controller");
        await using var a = await CommandClient.ConnectAsync(host, "a");
        string names = string.Join(',', Enumerable.Range(0, 300).Select(i => $"\"member-{i:000}\""));
        var since = Stopwatch.StartNew();
        string id = await boss.StartAsync($"\"cmd\":\"x\",\"to\":[\"a\",{names}],\"delivery_timeout_ms\":4000,\"deadline_ms\":60000");
        var execution = await a.ExecutionAsync();
        for (int i = 0; i < 200; i++)
            await a.ReportWellAsync(execution, "in_progress", $",\"progress\":{{\"n\":{i}}}");
        await a.ReportWellAsync(execution, "succeeded");
        double tenths = since.Elapsed.TotalMilliseconds / 100;
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
        // Of two hundred words of progress the last one of each tenth of a second, the first at once.
        Assert.InRange(said.Count(one => (string?)one!["status"] == "in_progress"), 1, 2 + (int)tenths);
    }

    /// <summary>A command that all members have carried out, with results of this length.</summary>
    private static Task EndAsync(HttpHost host, string id, int members, int resultBytes, bool isLastGood = true) =>
        EndedCommand.KeepAsync(
            host.Services.GetRequiredService<ICommandStore>(), VisionId.Parse("g1"), id, members, resultBytes, isLastGood,
            TestContext.Current.CancellationToken);
}
