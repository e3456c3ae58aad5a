using System.Net;
using Aether.Tests.Integration.Fixtures;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>Commands and answers under a lease: who does not hold it changes nothing.</summary>
public sealed class CommandLeaseTests
{
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
}
