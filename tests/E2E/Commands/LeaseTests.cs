using System.Diagnostics;
using System.Text.Json;
using Xunit;

namespace Aether.Tests.E2E;

/// <summary>Leases over two instances: whatever becomes of the one that gave a lease, the others know, and tell its end.</summary>
[Collection(nameof(Alone))]
public sealed class LeaseTests
{
    private const int TtlMs = 3_000;

    [Fact]
    public async Task End_IsToldOnceByTheOtherInstance_GivenTheOneThatGaveItKilled()
    {
        await using var instances = await TwoInstances.StartAsync();
        await using var everyone = new Clients();
        var watcher = await everyone.AddAsync(instances.A, "g", "watcher", protocols: TwoInstances.Full);
        var plain = await everyone.AddAsync(instances.A, "g", "plain");
        var boss = await everyone.AddAsync(instances.B, "g", "boss");

        var held = await AskAsync(boss, "lease.acquire", $$"""{"name":"lead","ttl_ms":{{TtlMs}}}""");
        Assert.Equal("boss 1", await ToldAsync(watcher));
        // Renewed: the end that is told is the one after it.
        var since = Stopwatch.StartNew();
        await AskAsync(boss, "lease.renew", """{"name":"lead","term":1}""");
        instances.B.Kill();

        Assert.Equal("boss 1", Facts(held));
        Assert.Equal("- 1", await ToldAsync(watcher));
        Assert.InRange(since.Elapsed, TimeSpan.FromMilliseconds(TtlMs - 50), TimeSpan.FromMilliseconds(TtlMs + 10_000));
        var next = await AskAsync(plain, "lease.acquire", """{"name":"lead","ttl_ms":60000}""");
        Assert.Equal("plain 2", Facts(next));
        Assert.Equal("plain 2", await ToldAsync(watcher));
        Assert.DoesNotContain(await watcher.ReceiveUntilNowAsync(), text => text.Contains("\"lease\"", StringComparison.Ordinal));
        Assert.Empty(await plain.ReceiveUntilNowAsync());
    }

    [Fact]
    public async Task Lease_IsHeldAfterAReconnectToTheOtherInstance_AndWhatWasSaidBeforeIsRefusedThere()
    {
        await using var instances = await TwoInstances.StartAsync();
        await using var everyone = new Clients();
        var worker = await everyone.AddAsync(instances.A, "g", "worker");
        var boss = await everyone.AddAsync(instances.B, "g", "boss", "echo=off");
        await AskAsync(boss, "lease.acquire", """{"name":"lead","ttl_ms":60000}""");
        instances.B.Kill();

        var again = await everyone.AddAsync(instances.A, "g", "boss", "echo=off");
        await AskAsync(again, "lease.renew", """{"name":"lead","term":1}""");
        await again.SendAsync(Say("boss", "go on", 1));
        Assert.Equal("go on", (await worker.ReceiveAsync()).Text("msg"));

        using var http = new HttpClient();
        using var taken = await http.DeleteAsync(new Uri(instances.A.Address, "/v3/groups/g/leases/lead"), TestContext.Current.CancellationToken);
        Assert.Equal(200, (int)taken.StatusCode);
        await again.SendAsync(Say("boss", "stale", 1));
        var refused = await again.ReceiveAsync();
        Assert.Equal(("error", "stale_term"), (refused.Text("cmd"), refused.Payload("code").GetString()));
        Assert.Empty(await worker.ReceiveUntilNowAsync());
    }

    private static string Say(string from, string text, int term) =>
        $$$"""{"msg_type":"msg","target":"group","from_id":"{{{from}}}","msg":"{{{text}}}","payload":{},"sent_at":"2026-01-02T03:04:05Z","lease":{"name":"lead","term":{{{term}}}}}""";

    private static async Task<JsonElement> AskAsync(TestClient client, string cmd, string payload)
    {
        await client.SendAsync(
            $$"""{"msg_type":"cmd","target":"direct","from_id":"{{client.Id}}","to_id":"aether","cmd":"{{cmd}}","payload":{{payload}},"sent_at":"2026-01-02T03:04:05Z","id":"q1"}""");
        var answer = await client.ReceiveAsync();
        Assert.True(answer.Text("cmd") == "reply", answer.ToString());
        return answer.GetProperty("payload");
    }

    /// <summary>What the next event of a lease tells, whatever else comes before it.</summary>
    private static async Task<string> ToldAsync(TestClient watcher)
    {
        while (true)
        {
            var message = await watcher.ReceiveAsync();
            if (message.Text("cmd") != "lease")
                continue;
            Assert.Equal(("presence", "aether"), (message.Text("msg_type"), message.Text("from_id")));
            return Facts(message.GetProperty("payload"));
        }
    }

    private static string Facts(JsonElement lease) =>
        $"{lease.GetProperty("holder").GetString() ?? "-"} {lease.GetProperty("term")}";
}
