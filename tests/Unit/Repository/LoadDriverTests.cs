using System.Text;
using Aether.Load.Measuring;
using Aether.Load.Net;
using Aether.Load.Reporting;
using Aether.Load.Traffic;
using CsCheck;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>The load driver's own checks: one that cannot see a lost message would call every server good.</summary>
public sealed class LoadDriverTests
{
    [Fact]
    public void Feed_FindsEveryMessage_GivenAnyCuts() =>
        Gen.Select(Gen.Int[0, 70_000].Array[1, 6], Gen.Int[1, 30_000].Array[1, 40]).Sample((lengths, cuts) =>
        {
            byte[] stream = [.. lengths.SelectMany((length, i) => ServerFrame(0x81, Text(i, length)))];
            var sink = new Sink();
            var parser = new FrameParser();
            int at = 0;
            for (int i = 0; at < stream.Length; i++)
            {
                int take = Math.Min(cuts[i % cuts.Length], stream.Length - at);
                parser.Feed(stream.AsSpan(at, take), sink);
                at += take;
            }
            Assert.Equal(lengths.Select((length, i) => Text(i, length)), sink.Messages);
        }, iter: 200);

    [Fact]
    public void Feed_PutsFragmentsTogether_GivenAPingBetweenThem()
    {
        var sink = new Sink();
        byte[] stream =
        [
            .. ServerFrame(0x01, "one "), .. ServerFrame(0x89, "ping"), .. ServerFrame(0x00, "two "),
            .. ServerFrame(0x80, "three"), .. ServerFrame(0x81, "four"),
        ];
        new FrameParser().Feed(stream, sink);
        Assert.Equal(["one two three", "four"], sink.Messages);
        Assert.Equal([(Opcode.Ping, "ping")], sink.Controls);
    }

    [Theory]
    [InlineData(0x81, 0x80)]
    [InlineData(0xc1, 0x00)]
    [InlineData(0x80, 0x00)]
    [InlineData(0x83, 0x00)]
    public void Feed_Throws_GivenWhatNoServerMaySend(byte first, byte second) =>
        Assert.Throws<InvalidDataException>(() => new FrameParser().Feed([first, second], new Sink()));

    [Theory]
    [InlineData(10)]
    [InlineData(125)]
    [InlineData(126)]
    [InlineData(65_535)]
    [InlineData(65_536)]
    public void Build_MasksWithAKeyThatIsNotZero_GivenAnyLength(int length)
    {
        string text = Text(7, length);
        var (frame, payloadAt) = ClientFrame.Build(Opcode.Text, Encoding.UTF8.GetBytes(text));
        byte[] key = frame[(payloadAt - 4)..payloadAt];
        Assert.DoesNotContain((byte)0, key);
        Assert.Equal(0x80, frame[1] & 0x80);
        ClientFrame.Put(frame, payloadAt, 3, "new"u8);
        string read = Encoding.UTF8.GetString([.. frame[payloadAt..].Select((b, i) => (byte)(b ^ key[i % 4]))]);
        Assert.Equal(text[..3] + "new" + text[6..], read);
    }

    [Fact]
    public void TryTake_ReadsWhatWasWritten_GivenAnyStamp() =>
        Gen.Select(Gen.Bool, Gen.Int[0, 0xffffff], Gen.UInt, Gen.Long[0, (1L << 48) - 1])
            .Sample((probe, sender, sequence, due) =>
            {
                var stamp = new Stamp(probe, sender, sequence, due);
                byte[] payload = Encoding.UTF8.GetBytes(Stamp.Payload(64));
                stamp.Write(payload.AsSpan(payload.AsSpan().IndexOf(Stamp.Mark) + Stamp.Mark.Length));
                ReadOnlySpan<byte> message = payload;
                Assert.Equal(64, message.Length);
                Assert.True(Stamp.TryTake(ref message, out var read));
                Assert.Equal(stamp, read);
                Assert.False(Stamp.TryTake(ref message, out _));
            });

    [Fact]
    public void Take_FindsNothingWrong_GivenEverySenderInOrder()
    {
        var receiver = new Receiver(firstSender: 4, senders: 2);
        foreach (var (sender, sequence) in new (int, uint)[] { (4, 0), (5, 0), (5, 1), (4, 1), (5, 2) })
            Assert.Equal(Verdict.Next, receiver.Take(Message(sender, sequence)));
        Assert.Equal(0, receiver.Skipped);
    }

    [Fact]
    public void Take_FindsALostMessage_GivenTheNextOne()
    {
        var receiver = new Receiver(firstSender: 0, senders: 1);
        receiver.Take(Message(0, 0));
        receiver.Take(Message(0, 3));
        Assert.Equal(2, receiver.Skipped);
    }

    [Fact]
    public void Take_FindsALateMessage_GivenOneThatWasSkipped()
    {
        var receiver = new Receiver(firstSender: 0, senders: 1);
        receiver.Take(Message(0, 1));
        Assert.Equal(Verdict.Late, receiver.Take(Message(0, 0)));
        Assert.Equal(0, receiver.Skipped);
        Assert.Equal(Verdict.Duplicate, receiver.Take(Message(0, 0)));
    }

    [Fact]
    public void Take_FindsADuplicate_GivenTheSameMessageTwice()
    {
        var receiver = new Receiver(firstSender: 0, senders: 1);
        receiver.Take(Message(0, 0));
        receiver.Take(Message(0, 1));
        Assert.Equal(Verdict.Duplicate, receiver.Take(Message(0, 1)));
        Assert.Equal(Verdict.Duplicate, receiver.Take(Message(0, 0)));
    }

    [Theory]
    [InlineData(3)]
    [InlineData(6)]
    public void Take_FindsAMisdirectedMessage_GivenASenderOfAnotherGroup(int sender) =>
        Assert.Equal(Verdict.Misdirected, new Receiver(firstSender: 4, senders: 2).Take(Message(sender, 0)));

    [Fact]
    public void Percentile_IsWithinOnePercent_GivenAnyTimes() =>
        Gen.Long[0, 100_000_000_000].Array[1, 500].Sample(times =>
        {
            var histogram = new Histogram();
            Array.ForEach(times, histogram.Add);
            long[] sorted = [.. times.Order()];
            foreach (double share in (double[])[0.01, 0.5, 0.9, 0.99, 1])
            {
                long exact = sorted[Math.Max(0, (int)Math.Ceiling(share * sorted.Length) - 1)];
                Assert.InRange(histogram.Percentile(share), exact, exact + (exact / 100) + 1);
            }
        });

    [Fact]
    public void Ratio_ComparesRunsOfTheSameRound_GivenAMachineThatGotSlower()
    {
        RunResult[] ofCase =
        [
            Run("V3", 1, 2), Run("SignalR", 1, 4), Run("V3", 2, 20), Run("SignalR", 2, 40), Run("V3", 3, 60),
        ];
        Assert.Equal(0.5, Comparison.Ratio([.. ofCase.Where(run => run.Label == "V3")], ofCase));
    }

    [Fact]
    public void Cost_IsUnknown_GivenARunThatWasNotOk()
    {
        var run = Run("V3", 1, 2);
        Assert.Equal(2, Comparison.Cost(run)!.Value, precision: 6);
        run.Ok = false;
        Assert.Null(Comparison.Cost(run));
    }

    private static Stamp Message(int sender, uint sequence) => new(Probe: false, sender, sequence, Due: 0);

    private static string Text(int seed, int length) => string.Create(length, seed, (chars, from) =>
    {
        for (int i = 0; i < chars.Length; i++)
            chars[i] = (char)('a' + ((from + i) % 26));
    });

    private static byte[] ServerFrame(byte first, string text)
    {
        byte[] payload = Encoding.UTF8.GetBytes(text);
        byte[] length = payload.Length switch
        {
            < 126 => [(byte)payload.Length],
            <= ushort.MaxValue => [126, (byte)(payload.Length >> 8), (byte)payload.Length],
            _ => [127, 0, 0, 0, 0, 0, (byte)(payload.Length >> 16), (byte)(payload.Length >> 8), (byte)payload.Length],
        };
        return [first, .. length, .. payload];
    }

    private static RunResult Run(string label, int round, double costUs) => new()
    {
        Scenario = "fanout",
        System = "aether",
        Name = "fanout",
        Label = label,
        Round = round,
        Began = DateTimeOffset.UnixEpoch,
        Settings = new RunSettings(),
        Ok = true,
        Count = 1_000_000,
        Resources = new Resources
        {
            Processes = [new ProcessResources { Label = "server", CpuSeconds = costUs }],
        },
    };

    private sealed class Sink : IFrameSink
    {
        public List<string> Messages { get; } = [];

        public List<(Opcode, string)> Controls { get; } = [];

        public void OnMessage(ReadOnlySpan<byte> message) => Messages.Add(Encoding.UTF8.GetString(message));

        public void OnControl(Opcode opcode, ReadOnlySpan<byte> payload) =>
            Controls.Add((opcode, Encoding.UTF8.GetString(payload)));
    }
}
