using System.Diagnostics;
using System.Globalization;
using System.Net.WebSockets;
using System.Text;
using Xunit;

namespace Aether.Tests.E2E;

/// <summary>What no client can make the server do: section 7 of the protocol.</summary>
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
        await client.SendBytesAsync(bytes);
        // 1002 or 1007 as the library sees it, or a reset that overtook it.
        Assert.True((await client.EndAsync()).Code is 1002 or 1007 or TestClient.Abnormal, name);
        Assert.Empty(await witness.ReceiveUntilNowAsync());
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
