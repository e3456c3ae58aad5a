using System.Diagnostics;
using Xunit;

namespace Aether.Tests.E2E;

/// <summary>Clients that go on sending too much, whatever it is, are closed with 4100 and cost little until then.</summary>
public sealed class FloodTests
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(30);

    [Theory]
    [InlineData("valid")]
    [InlineData("valid with an id")]
    [InlineData("invalid")]
    [InlineData("ping")]
    [InlineData("pong")]
    [InlineData("empty fragments")]
    public async Task PersistentFlood_Closes4100_WithFewAnswers_WhateverItIsMadeOf(string of)
    {
        await using var server = await ServerProcess.StartAsync(new()
        {
            ["RateLimit:PerSecond"] = "20",
            ["RateLimit:Burst"] = "20",
            ["InvalidMessages"] = "Report",
            // What is told is what is counted here, not how fast a busy machine reads it.
            ["SendQueue:Messages"] = "1000000",
            ["SendQueue:Bytes"] = "1073741824",
        });
        var clock = Stopwatch.StartNew();
        await using var flooder = await RawClient.ConnectAsync(server, "g", "a", "echo=off");
        byte[] one = of switch
        {
            "valid" => RawClient.Frame(RawFrame.Text, System.Text.Encoding.UTF8.GetBytes(Json.Message("a"))),
            "valid with an id" => RawClient.Frame(
                RawFrame.Text, System.Text.Encoding.UTF8.GetBytes(Json.Message("a", id: "i"))),
            "invalid" => RawClient.Frame(RawFrame.Text, "x"u8.ToArray()),
            "ping" => RawClient.Frame(RawFrame.Ping, []),
            "pong" => RawClient.Frame(RawFrame.Pong, []),
            _ => [
                .. RawClient.Frame(RawFrame.Text, [], last: false),
                .. RawClient.Frame(RawFrame.Continuation, [], last: false),
                .. RawClient.Frame(RawFrame.Continuation, System.Text.Encoding.UTF8.GetBytes(Json.Message("a")))],
        };
        byte[] several = [.. Enumerable.Repeat(one, of == "valid with an id" ? 1_000 : 20).SelectMany(bytes => bytes)];
        int texts = 0, code = 0;
        var reading = ReadAsync();
        while (!reading.IsCompleted)
        {
            await flooder.SendBytesUnlessClosedAsync(several);
            await Task.WhenAny(reading, Task.Delay(50, TestContext.Current.CancellationToken));
        }
        await reading;
        Assert.Equal(4100, code);
        // Within the limit each is answered, if it is invalid or has an id; of what is over it one a second is, and those
        // with an id up to a budget of their own.
        double seconds = clock.Elapsed.TotalSeconds;
        double most = 20 + (20 * seconds) + 2 + seconds;
        if (of == "valid with an id")
            most += 2_000 + (1_000 * seconds);
        Assert.InRange(texts, 0, (int)most);

        async Task ReadAsync()
        {
            while (await flooder.ReceiveAsync(Long) is { } frame)
            {
                texts += frame.Opcode == RawFrame.Text ? 1 : 0;
                if (frame.Opcode != RawFrame.Close)
                    continue;
                code = frame.CloseCode;
                return;
            }
        }
    }

    [Fact]
    public async Task PingFlood_Closes4100_GivenNoLimitOfMessages()
    {
        await using var server = await ServerProcess.StartAsync(new() { ["RateLimit:PerSecond"] = "0" });
        await using var flooder = await RawClient.ConnectAsync(server, "g", "a");
        byte[] pongs = [.. Enumerable.Repeat(RawClient.Frame(RawFrame.Pong, []), 500).SelectMany(bytes => bytes)];
        var ending = flooder.EndAsync(Long);
        while (!ending.IsCompleted)
        {
            await flooder.SendBytesUnlessClosedAsync(pongs);
            await Task.WhenAny(ending, Task.Delay(20, TestContext.Current.CancellationToken));
        }
        Assert.Equal(4100, (await ending).Code);
    }

    [Fact]
    public async Task PersistentFlood_Closes4100_AndHarmsNobody()
    {
        await using var server = await ServerProcess.StartAsync(
            new() { ["RateLimit:PerSecond"] = "10", ["RateLimit:Burst"] = "10" });
        await using var flooder = await TestClient.ConnectAsync(server, "g", "a");
        await using var other = await TestClient.ConnectAsync(server, "g", "b");
        var ending = flooder.EndAsync(Long);
        string json = Json.Message("a");
        while (!ending.IsCompleted)
        {
            try
            {
                await flooder.SendAsync(json);
            }
            catch (System.Net.WebSockets.WebSocketException)
            {
                // It was closed meanwhile.
            }
            await Task.WhenAny(ending, Task.Delay(10, TestContext.Current.CancellationToken));
        }
        Assert.Equal(4100, (await ending).Code);
        await other.ReceiveUntilNowAsync();
    }
}
