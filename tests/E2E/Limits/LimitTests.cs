using System.Diagnostics;
using System.Globalization;
using System.Net.WebSockets;
using System.Text;
using Xunit;

namespace Aether.Tests.E2E;

/// <summary>What no client can make the server do.</summary>
public sealed class LimitTests(LimitTests.Server server) : IClassFixture<LimitTests.Server>
{
    private const int MaxBytes = 65_536;

    private readonly string group = server.NewGroup();

    [Fact]
    public async Task LongestMessage_Passes()
    {
        await using var client = await ConnectAsync("a");
        string json = OfLength(MaxBytes);
        await client.SendAsync(json);
        Assert.True((await client.ReceiveTextAsync()).Length > MaxBytes - 200);
    }

    [Fact]
    public async Task LongestMessage_Passes_GivenFragments()
    {
        await using var client = await ConnectAsync("a");
        byte[] json = Encoding.UTF8.GetBytes(OfLength(MaxBytes));
        for (int at = 0; at < json.Length; at += 8_192)
            await client.SendAsync(json.AsMemory(at, 8_192), WebSocketMessageType.Text, at + 8_192 == json.Length);
        Assert.True((await client.ReceiveTextAsync()).Length > MaxBytes - 200);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(9)]
    public async Task MessageThatIsOneByteTooLong_Closes1009_GivenFragments(int fragments)
    {
        await using var witness = await ConnectAsync("b");
        await using var client = await ConnectRawAsync("a");
        byte[] json = Encoding.UTF8.GetBytes(OfLength(MaxBytes + 1));
        var bytes = new List<byte>();
        for (int i = 0; i < fragments; i++)
        {
            byte[] part = json[(json.Length * i / fragments)..(json.Length * (i + 1) / fragments)];
            bytes.AddRange(
                RawClient.Frame(i == 0 ? RawFrame.Text : RawFrame.Continuation, part, last: i == fragments - 1));
        }
        await client.SendBytesUnlessClosedAsync(bytes.ToArray());
        Assert.Equal(new Closed(1009, "message: must be at most 65536 bytes"), await client.EndAsync());
        Assert.Empty(await witness.ReceiveUntilNowAsync());
    }

    [Fact]
    public async Task ShortMessage_IsTaken_GivenOneThatIsTooLongRightBehindIt()
    {
        await using var client = await ConnectRawAsync("a");
        const string Short =
            """{"msg_type":"msg","target":"echo","from_id":"a","payload":{},"sent_at":"2026-01-01"}""";
        // In one packet, so that the head of the second is read together with the first.
        await client.SendBytesAsync((byte[])[
            .. RawClient.Frame(RawFrame.Text, Encoding.UTF8.GetBytes(Short)),
            .. RawClient.FrameHead(RawFrame.Text, MaxBytes + 1)]);
        var echo = await client.ReceiveAsync();
        Assert.Equal(RawFrame.Text, echo?.Opcode);
        Assert.Equal(1009, (await client.EndAsync()).Code);
    }

    [Fact]
    public async Task UnterminatedFragments_Close1009_AndCostNoMemory()
    {
        await using var client = await ConnectRawAsync("a");
        byte[] fragment = RawClient.Frame(RawFrame.Continuation, new byte[65_000], last: false);
        long before = server.Process.WorkingSet;
        await client.SendBytesUnlessClosedAsync(RawClient.Frame(RawFrame.Text, "{"u8.ToArray(), last: false));
        var ending = client.EndAsync();
        // As much as it takes, and at most 64 MiB.
        for (int i = 0; i < 1_000 && !ending.IsCompleted; i++)
            await client.SendBytesUnlessClosedAsync(fragment);
        Assert.Equal(1009, (await ending).Code);
        Assert.InRange(server.Process.WorkingSet - before, long.MinValue, 32 * 1024 * 1024);
    }

    [Theory]
    [InlineData(1UL << 62)]
    [InlineData((1UL << 31) + 1)]
    [InlineData((ulong)MaxBytes + 1)]
    public async Task AbsurdLength_Closes1009_BeforeItComes(ulong length)
    {
        await using var client = await ConnectRawAsync("a");
        await client.SendBytesAsync(RawClient.FrameHead(RawFrame.Text, length));
        Assert.Equal(1009, (await client.EndAsync()).Code);
    }

    [Fact]
    public async Task LengthsThatOverflow_Close1009()
    {
        await using var client = await ConnectRawAsync("a");
        await client.SendBytesAsync(RawClient.Frame(RawFrame.Text, "{}"u8.ToArray(), last: false));
        await client.SendBytesAsync(RawClient.FrameHead(RawFrame.Continuation, long.MaxValue));
        Assert.Equal(1009, (await client.EndAsync()).Code);
    }

    [Fact]
    public async Task ByteByByte_IsTaken_GivenItIsInTime()
    {
        await using var client = await ConnectRawAsync("a");
        foreach (byte b in RawClient.Frame(RawFrame.Text, Encoding.UTF8.GetBytes(Json.Message("a", msg: "slow"))))
            await client.SendBytesAsync(new[] { b });
        Assert.Equal("slow", Json.Read((await client.ReceiveAsync())!.AsText).Text("msg"));
    }

    [Fact]
    public async Task MessageThatDoesNotEnd_Closes1009_GivenAByteNowAndThen()
    {
        await using var client = await ConnectRawAsync("a");
        byte[] frame = RawClient.Frame(RawFrame.Text, Encoding.UTF8.GetBytes(OfLength(5_000)));
        var ending = client.EndAsync();
        var watch = Stopwatch.StartNew();
        for (int i = 0; !ending.IsCompleted && watch.Elapsed < TimeSpan.FromSeconds(15); i++)
        {
            await client.SendBytesUnlessClosedAsync(frame.AsMemory(i, 1));
            await Task.WhenAny(ending, Task.Delay(100, TestContext.Current.CancellationToken));
        }
        Assert.Equal(new Closed(1009, "message: must be complete in time"), await ending);
        Assert.InRange(watch.Elapsed, TimeSpan.FromSeconds(Server.MessageTimeout), TimeSpan.FromSeconds(10));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    public async Task HeaderThatDoesNotEnd_Closes1009(int bytes)
    {
        await using var client = await ConnectRawAsync("a");
        await client.SendBytesAsync(RawClient.FrameHead(RawFrame.Text, 1_000).AsMemory(0, bytes));
        Assert.Equal(1009, (await client.EndAsync()).Code);
    }

    [Fact]
    public async Task MessageTimeout_SparesOneThatIsSilentBetweenMessages()
    {
        await using var client = await ConnectAsync("a");
        await using var late = await ConnectRawAsync("b");
        await client.SendAsync(Json.Message("a"));
        await client.ReceiveAsync();
        await late.SendBytesAsync(RawClient.FrameHead(RawFrame.Text, 1_000));
        // When the other one is closed the time is over, for whoever it is counted.
        await late.EndAsync();
        await client.SendAsync(Json.Message("a", msg: "still here"));
        Assert.Equal("still here", (await client.ReceiveAsync()).Text("msg"));
    }

    [Fact]
    public async Task EmptyFragments_Close()
    {
        await using var client = await ConnectRawAsync("a");
        byte[] empty = RawClient.Frame(RawFrame.Continuation, [], last: false);
        byte[] many = [.. Enumerable.Repeat(empty, 10_000).SelectMany(bytes => bytes)];
        await client.SendBytesAsync(RawClient.Frame(RawFrame.Text, "{"u8.ToArray(), last: false));
        var ending = client.EndAsync();
        for (int i = 0; i < 10; i++)
            await client.SendBytesUnlessClosedAsync(many);
        Assert.Contains((await ending).Code, new[] { 1009, TestClient.Abnormal });
    }

    [Fact]
    public async Task Binary_Closes1003()
    {
        await using var client = await ConnectAsync("a");
        await client.SendAsync(
            Encoding.UTF8.GetBytes(Json.Message("a")).AsMemory(), WebSocketMessageType.Binary, endOfMessage: true);
        Assert.Equal(1003, (await client.EndAsync()).Code);
    }

    public static TheoryData<string, byte[]> BrokenFrames => new()
    {
        { "unmasked", RawClient.Frame(RawFrame.Text, Encoding.UTF8.GetBytes(Json.Message("a")), masked: false) },
        { "opcode 3", RawClient.Frame(3, "{}"u8.ToArray()) },
        { "opcode 11", RawClient.Frame(11, "{}"u8.ToArray()) },
        { "RSV1", RawClient.Frame(RawFrame.Text, Encoding.UTF8.GetBytes(Json.Message("a")), reserved: 4) },
        { "RSV3", RawClient.Frame(RawFrame.Text, Encoding.UTF8.GetBytes(Json.Message("a")), reserved: 1) },
        { "continuation of nothing",
            RawClient.Frame(RawFrame.Continuation, Encoding.UTF8.GetBytes(Json.Message("a"))) },
        { "long ping", RawClient.Frame(RawFrame.Ping, new byte[126]) },
        { "fragmented ping", RawClient.Frame(RawFrame.Ping, [], last: false) },
        { "close code 1005", RawClient.Frame(RawFrame.Close, [0x03, 0xed]) },
        { "close reason that is no text", RawClient.Frame(RawFrame.Close, [0x03, 0xe8, 0xff]) },
        { "close of one byte", RawClient.Frame(RawFrame.Close, [0x03]) },
        { "no UTF-8", RawClient.Frame(RawFrame.Text, [(byte)'{', 0xff, (byte)'}']) },
        { "text in a text", [.. RawClient.Frame(RawFrame.Text, "{"u8.ToArray(), last: false),
            .. RawClient.Frame(RawFrame.Text, "}"u8.ToArray())] },
    };

    [Theory]
    [MemberData(nameof(BrokenFrames))]
    public async Task BrokenFrame_ClosesAndNothingIsRouted(string name, byte[] bytes)
    {
        await using var witness = await ConnectAsync("b");
        await using var client = await ConnectRawAsync("a");
        string code = name.Contains("UTF-8", StringComparison.Ordinal) ? "1007" : "1002";
        long before = await CountAsync(code);
        await client.SendBytesAsync(bytes);
        // Or a reset that overtook it.
        Assert.True(
            (await client.EndAsync()).Code is var seen && (seen.ToString(CultureInfo.InvariantCulture) == code || seen == TestClient.Abnormal),
            name);
        await Eventually.HoldsAsync(async () => await CountAsync(code) == before + 1, name + " is counted as " + code);
        Assert.Empty(await witness.ReceiveUntilNowAsync());
    }

    public static TheoryData<byte[][]> BrokenUtf8 => new()
    {
        { [[0x61, 0x62, 0xf0, 0x9f], []] },
        { [[0x61, 0xc3], []] },
        { [[0xe2, 0x82], [], []] },
        { [[0xf0], [0x9f, 0x98], []] },
        { [[0xf0, 0x9f], [0x61]] },
        { [[0xc0], [0xaf]] },
        { [[0xed], [0xa0, 0x80], []] },
        { [[0xf4], [0x90], [0x80, 0x80]] },
        { [[], [0x80], []] },
    };

    [Theory]
    [MemberData(nameof(BrokenUtf8))]
    public async Task BrokenUtf8_Closes1007AndReachesNobody_GivenAnyFragments(byte[][] fragments)
    {
        await using var legacyWitness =
            await TestClient.ConnectAsync(server.Process.LegacyEndpoint(group, "b"), group, "b");
        await using var witness = await ConnectAsync("b");
        string path = server.Process.LegacyEndpoint(group, "a").PathAndQuery;
        await using var legacy = await RawClient.RequestAsync(server.Process, path);
        await using var v3 = await ConnectRawAsync("a");
        foreach (var client in new[] { legacy, v3 })
        {
            for (int i = 0; i < fragments.Length; i++)
            {
                await client.SendBytesUnlessClosedAsync(RawClient.Frame(
                    i == 0 ? RawFrame.Text : RawFrame.Continuation, fragments[i], last: i == fragments.Length - 1));
            }
            Assert.Contains((await client.EndAsync()).Code, new[] { 1007, TestClient.Abnormal });
        }
        Assert.Empty(await witness.ReceiveUntilNowAsync());
        await using var next = await TestClient.ConnectAsync(server.Process.LegacyEndpoint(group, "c"), group, "c");
        await next.SendAsync("behind it");
        Assert.Equal("behind it", await legacyWitness.ReceiveTextAsync());
    }

    [Theory]
    [InlineData(1_024, true)]
    [InlineData(1_025, false)]
    [InlineData(1_026, false)]
    public async Task Fragments_AreTakenUpTo1024_GivenPingsBetweenThem(int fragments, bool taken)
    {
        await using var client = await ConnectRawAsync("a");
        byte[] json = Encoding.UTF8.GetBytes(Json.Message("a", msg: "cut"));
        var bytes = new List<byte>(RawClient.Frame(RawFrame.Text, json, last: false));
        for (int i = 2; i < fragments; i++)
        {
            bytes.AddRange(RawClient.Frame(RawFrame.Continuation, [], last: false));
            if (i % 100 == 0)
                bytes.AddRange(RawClient.Frame(RawFrame.Pong, []));
        }
        bytes.AddRange(RawClient.Frame(RawFrame.Continuation, []));
        await client.SendBytesUnlessClosedAsync(bytes.ToArray());
        if (taken)
            Assert.Equal("cut", Json.Read((await client.ReceiveAsync())!.AsText).Text("msg"));
        else
            Assert.Equal(1009, (await client.EndAsync()).Code);
    }

    [Theory]
    [InlineData("/v3/ws/group/g/client/a")]
    [InlineData("/ws/group/g/client/a")]
    public async Task Upgrade_IsRefused426_GivenHttp10(string path)
    {
        await using var refused = await RawClient.RequestAsync(server.Process, path, "1.0", []);
        Assert.Equal(426, refused.Status);
    }

    [Fact]
    public async Task SplitUtf8_IsTaken_GivenItIsWholeInTheEnd()
    {
        await using var client = await ConnectRawAsync("a");
        byte[] json = Encoding.UTF8.GetBytes(Json.Message("a", payload: """{"x":"😀"}"""));
        int inside = json.AsSpan().IndexOf((byte)0xf0) + 2;
        await client.SendFrameAsync(RawFrame.Text, json[..inside], last: false);
        await client.SendFrameAsync(RawFrame.Ping, "between"u8.ToArray());
        await client.SendFrameAsync(RawFrame.Continuation, json[inside..]);
        var frames = new[] { await client.ReceiveAsync(), await client.ReceiveAsync() };
        Assert.Equal("between", frames.Single(frame => frame!.Opcode == RawFrame.Pong)!.AsText);
        Assert.Contains("😀", frames.Single(frame => frame!.Opcode == RawFrame.Text)!.AsText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PingFlood_HarmsNobody()
    {
        await using var flooder = await ConnectRawAsync("a");
        await using var other = await ConnectAsync("b");
        byte[] pings = [.. Enumerable.Repeat(RawClient.Frame(RawFrame.Ping, "p"u8.ToArray()), 5_000).SelectMany(
            bytes => bytes)];
        var sending = flooder.SendBytesAsync(pings);
        for (int i = 0; i < 50; i++)
        {
            await other.SendAsync(Json.Message("b", "echo", msg: "n"));
            await other.ReceiveAsync();
        }
        int pongs = 0;
        while (pongs < 5_000 && await flooder.ReceiveAsync() is { Opcode: RawFrame.Pong })
            pongs++;
        await sending;
        Assert.Equal(5_000, pongs);
    }

    private async Task<long> CountAsync(string code)
    {
        using var answer = await server.Process.GetAsync("/metrics");
        string text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        var line = text.Split('\n').FirstOrDefault(line =>
            line.StartsWith("aether_connections_closed_total", StringComparison.Ordinal)
            && line.Contains($"code=\"{code}\"", StringComparison.Ordinal));
        return line is null ? 0 : long.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture);
    }

    private Task<TestClient> ConnectAsync(string id) => TestClient.ConnectAsync(server.Process, group, id);

    private Task<RawClient> ConnectRawAsync(string id) => RawClient.ConnectAsync(server.Process, group, id);

    private static string OfLength(int bytes)
    {
        string empty = Json.Message("a", msg: "");
        return Json.Message("a", msg: new string('x', bytes - empty.Length));
    }

    /// <summary>A server that gives a message less time.</summary>
    public sealed class Server : IAsyncLifetime
    {
        public const int MessageTimeout = 1;

        private ServerProcess? process;
        private int groups;

        public ServerProcess Process => process!;

        public string NewGroup() => "g" + Interlocked.Increment(ref groups).ToString(CultureInfo.InvariantCulture);

        public async ValueTask InitializeAsync() => process = await ServerProcess.StartAsync(
            new() { ["MessageTimeout"] = MessageTimeout.ToString(CultureInfo.InvariantCulture) });

        public async ValueTask DisposeAsync()
        {
            if (process is not null)
                await process.DisposeAsync();
        }
    }
}
