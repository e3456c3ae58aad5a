using System.Text.Json.Nodes;
using Aether.Tests.Integration.Fixtures;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>What of requests about commands is refused, with the field and the rule; the connection stays.</summary>
public sealed class CommandRefusalTests
{
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

    /// <summary>An object with so many levels.</summary>
    private static string Nested(int depth) =>
        "{\"a\":" + new string('[', depth - 1) + new string(']', depth - 1) + "}";
}
