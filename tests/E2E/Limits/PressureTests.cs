using System.Diagnostics;
using System.Globalization;
using Xunit;

namespace Aether.Tests.E2E;

/// <summary>Clients that send too much, take too little, or are not there any more.</summary>
public sealed class PressureTests
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task RateLimit_DeliversTheBurst_AndAnswersEveryMessageOverIt()
    {
        await using var server = await ServerProcess.StartAsync(
            new() { ["RateLimit:PerSecond"] = "1", ["RateLimit:Burst"] = "10" });
        await using var client = await TestClient.ConnectAsync(server, "g", "a", "echo=off");
        await using var other = await TestClient.ConnectAsync(server, "g", "b");
        for (int i = 0; i < 30; i++)
            await client.SendAsync(Json.Message("a", id: Text(i)));
        var acked = new List<string?>();
        var limited = new List<string?>();
        while (acked.Count + limited.Count < 30)
        {
            var answer = await client.ReceiveAsync();
            if (answer.Text("cmd") == "ack")
            {
                acked.Add(answer.Text("reply_to"));
                continue;
            }
            Assert.True(answer.IsError("rate_limited"), answer.ToString());
            Assert.True(answer.Payload("retryable").GetBoolean());
            Assert.InRange(answer.Payload("retry_after_ms").GetInt32(), 1, 1_000);
            limited.Add(answer.Text("reply_to"));
        }
        Assert.Equal(Enumerable.Range(0, 10).Select(Text), acked.Take(10));
        Assert.Equal(30, acked.Concat(limited).Distinct().Count());
        var delivered = (await other.ReceiveUntilNowAsync()).Select(text => Json.Read(text).Text("id"));
        Assert.Equal(acked, delivered);
    }

    [Fact]
    public async Task RateLimit_AnswersEachMessageWithAnId_AndTellsOfTheOthersOnceASecond()
    {
        await using var server = await ServerProcess.StartAsync(new()
        {
            ["RateLimit:PerSecond"] = "1",
            ["RateLimit:Burst"] = "10",
            ["InvalidMessages"] = "Report",
        });
        await using var client = await TestClient.ConnectAsync(server, "g", "a", "echo=off");
        var clock = Stopwatch.StartNew();
        var waited = new HashSet<string>();
        for (int i = 0; i < 200; i++)
        {
            string id = Text(i);
            await client.SendAsync((i % 5) switch
            {
                0 => Json.Message("a", id: id),
                1 => Json.Message("a", "echo", type: "heartbeat", id: id),
                2 => Json.Message("a", "direct", to: "b", id: id),
                3 => Json.Message("a"),
                _ => Json.Message("a", type: "other", id: "invalid-" + id),
            });
            if (i % 5 < 3)
                waited.Add(id);
        }
        int told = 0;
        while (waited.Count > 0)
        {
            var answer = await client.ReceiveAsync();
            if (answer.Text("reply_to") is { } id && waited.Remove(id))
                continue;
            told += answer.IsError("rate_limited") ? 1 : 0;
        }
        Assert.InRange(told, 1, 1 + (int)clock.Elapsed.TotalSeconds);
    }

    [Fact]
    public async Task RateLimit_AnswersAlsoMessagesWithoutAnId()
    {
        await using var server = await ServerProcess.StartAsync(
            new() { ["RateLimit:PerSecond"] = "1", ["RateLimit:Burst"] = "1" });
        await using var client = await TestClient.ConnectAsync(server, "g", "a", "echo=off");
        // The second of them, unless there is a second between them.
        await Eventually.HoldsAsync(
            async () =>
            {
                await client.SendAsync(Json.Message("a"));
                return client.Waiting > 0;
            },
            "one is answered");
        var error = await client.ReceiveAsync();
        Assert.True(error.IsError("rate_limited"), error.ToString());
        Assert.Null(error.Text("reply_to"));
    }

    [Fact]
    public async Task SilentPeer_IsPingedAndThenCutOff_GivenItDoesNotAnswer()
    {
        await using var server = await ServerProcess.StartAsync(new()
        {
            ["KeepAlive:Interval"] = "1",
            ["KeepAlive:Timeout"] = "1",
            ["MaxConnections"] = "2",
        });
        await using var answering = await TestClient.ConnectAsync(server, "g", "a");
        await using var silent = await RawClient.ConnectAsync(server, "g", "b");
        Assert.Equal(RawFrame.Ping, (await silent.ReceiveAsync())!.Opcode);
        Assert.Null(await silent.ReceiveAsync());
        await using var next = await ConnectEventuallyAsync(server);
        // It answered its pings all the time.
        Assert.Empty(await answering.ReceiveUntilNowAsync());
    }

    [Fact]
    public async Task Idle_Closes4102_GivenNoMessageInTime()
    {
        await using var server = await ServerProcess.StartAsync(
            new() { ["IdleTimeout"] = "2", ["KeepAlive:Interval"] = "1" });
        await using var idle = await TestClient.ConnectAsync(server, "g", "a");
        await using var busy = await TestClient.ConnectAsync(server, "g", "b");
        var ending = idle.EndAsync(Long);
        while (!ending.IsCompleted)
        {
            // Neither what it receives nor the pongs it sends are messages of its own.
            await busy.SendAsync(Json.Message("b", type: "heartbeat", target: "echo"));
            await busy.ReceiveAsync();
            await Task.WhenAny(ending, Task.Delay(100, TestContext.Current.CancellationToken));
        }
        Assert.Equal(4102, (await ending).Code);
        Assert.False(busy.HasEnded);
    }

    [Fact]
    public async Task SlowReader_IsClosed_AndTheOthersLoseNothing()
    {
        const int Messages = 3_000;
        const int Size = 16_000;
        const int InFlight = 32;
        await using var server = await ServerProcess.StartAsync(new() { ["RateLimit:PerSecond"] = "0" });
        await using var slow = await RawClient.ConnectAsync(server, "g", "slow");
        await using var sender = await TestClient.ConnectAsync(server, "g", "a", "echo=off");
        await using var reader = await TestClient.ConnectAsync(server, "g", "b");
        // The one that reads keeps up on a machine of any speed: the sender waits for it, never for the slow one.
        using var inTime = new SemaphoreSlim(InFlight);
        var receiving = ReceiveNumbersAsync(reader, Messages, inTime);
        string payload = $"{{\"x\":\"{new string('x', Size)}\"}}";
        long highest = 0;
        for (int i = 0; i < Messages; i++)
        {
            Assert.True(receiving.IsCompleted || await inTime.WaitAsync(Long, TestContext.Current.CancellationToken));
            await sender.SendAsync(Json.Message("a", msg: Text(i), payload: payload));
            if (i % 100 == 0)
                highest = Math.Max(highest, server.WorkingSet);
        }
        Assert.Equal(Enumerable.Range(0, Messages).Select(Text), await receiving);
        // 48 MB went past the slow reader, of which 1 MiB may wait for it, beside what the system's own buffers hold.
        Assert.InRange(highest, 0, 400L * 1024 * 1024);
        Assert.Contains((await slow.EndAsync(Long)).Code, new[] { 4101, TestClient.Abnormal });
        Assert.False(reader.HasEnded);
    }

    [Fact]
    public async Task SlowReader_IsTold4101_GivenItReadsOnInTime()
    {
        await using var server = await ServerProcess.StartAsync(
            new() { ["RateLimit:PerSecond"] = "0", ["SendQueue:Messages"] = "4" });
        await using var slow = await RawClient.ConnectAsync(server, "g", "slow");
        await using var sender = await TestClient.ConnectAsync(server, "g", "a", "echo=off");
        string payload = $"{{\"x\":\"{new string('x', 60_000)}\"}}";
        for (int i = 0; i < 400; i++)
            await sender.SendAsync(Json.Message("a", payload: payload));
        await sender.ReceiveUntilNowAsync();
        Assert.Equal(new Closed(4101, "too slow: the outgoing queue is full"), await slow.EndAsync(Long));
    }

    [Fact]
    public async Task StalledReader_IsCutOff_GivenItTakesNothingInTime()
    {
        await using var server = await ServerProcess.StartAsync(new()
        {
            ["RateLimit:PerSecond"] = "0",
            ["SendQueue:Timeout"] = "1",
            ["MaxConnections"] = "2",
        });
        await using var stalled = await RawClient.ConnectAsync(server, "g", "stalled");
        await using var sender = await TestClient.ConnectAsync(server, "g", "a", "echo=off");
        string payload = $"{{\"x\":\"{new string('x', 60_000)}\"}}";
        for (int i = 0; i < 200; i++)
            await sender.SendAsync(Json.Message("a", payload: payload));
        // Its place is free again although it never closed.
        await using var next = await ConnectEventuallyAsync(server);
    }

    private static async Task<TestClient> ConnectEventuallyAsync(ServerProcess server)
    {
        TestClient? taken = null;
        await Eventually.HoldsAsync(
            async () =>
            {
                try
                {
                    taken = await TestClient.ConnectAsync(server, "g", "next");
                }
                catch (System.Net.WebSockets.WebSocketException)
                {
                    // Still full.
                }
                return taken is not null;
            },
            "there is room again",
            Long);
        return taken!;
    }

    private static async Task<List<string?>> ReceiveNumbersAsync(TestClient client, int count, SemaphoreSlim received)
    {
        var numbers = new List<string?>();
        while (numbers.Count < count)
        {
            numbers.Add((await client.ReceiveAsync(Long)).Text("msg"));
            received.Release();
        }
        return numbers;
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
