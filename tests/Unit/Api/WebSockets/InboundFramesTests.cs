using System.Buffers.Binary;
using Aether.Api.WebSockets;
using CsCheck;
using Xunit;

namespace Aether.Tests.Unit;

public sealed class InboundFramesTests
{
    private const int Continuation = 0;
    private const int Text = 1;
    private const int Ping = 9;

    private static readonly Gen<int> Length =
        Gen.OneOf(Gen.Const(0), Gen.Int[1, 125], Gen.Int[125, 127], Gen.Int[126, 3_000], Gen.Int[65_534, 65_537]);

    private static readonly Gen<(int Control, int Length, bool Last, bool Masked, bool Long)[]> Frames =
        Gen.Select(Gen.Int[0, 3], Length, Gen.Bool, Gen.Bool, Gen.Bool).Array[1, 12];

    [Fact]
    public void Advance_FollowsAnyFrames_GivenAnySplits() =>
        Gen.Select(Frames, Gen.Int[1, 3_000].Array[1, 30]).Sample((frames, splits) =>
        {
            var inbound = default(InboundFrames);
            bool open = false;
            int completed = 0, fragments = 0, split = 0;
            ulong bytes = 0;
            foreach (var (control, length, last, masked, longForm) in frames)
            {
                bool isControl = control == 0;
                int size = isControl ? Math.Min(length, 125) : length;
                byte[] frame = Frame(isControl ? Ping : open ? Continuation : Text, size, last || isControl, masked,
                    longForm && !isControl);
                Feed(ref inbound, frame, splits, ref split);
                if (!isControl)
                {
                    (bytes, fragments) = open ? (bytes + (ulong)size, fragments + 1) : ((ulong)size, 1);
                    open = !last;
                    completed += last ? 1 : 0;
                }
                Assert.Equal((open, completed), (inbound.MessageOpen, inbound.Completed));
                if (fragments > 0)
                    Assert.Equal((bytes, fragments), (inbound.MessageBytes, inbound.Fragments));
            }
        });

    [Fact]
    public void MessageOpen_IsTrueFromTheFirstByteToTheLast()
    {
        byte[] frame = Frame(Text, 300, last: true, masked: true, longForm: false);
        var inbound = default(InboundFrames);
        for (int i = 0; i < frame.Length; i++)
        {
            Assert.Equal(i > 0, inbound.MessageOpen);
            inbound.Advance(frame.AsSpan(i, 1));
        }
        Assert.False(inbound.MessageOpen);
        Assert.Equal(1, inbound.Completed);
    }

    [Fact]
    public void MessageOpen_IsFalse_GivenOnlyAPartOfAPing()
    {
        byte[] frame = Frame(Ping, 10, last: true, masked: true, longForm: false);
        var inbound = default(InboundFrames);
        foreach (byte b in frame)
        {
            inbound.Advance([b]);
            Assert.False(inbound.MessageOpen);
        }
        Assert.Equal(0, inbound.Completed);
    }

    [Fact]
    public void MessageBytes_AreKnownWithTheHeader_GivenNothingOfTheContent()
    {
        byte[] frame = Frame(Text, 60_000, last: true, masked: true, longForm: true);
        var inbound = default(InboundFrames);
        inbound.Advance(frame.AsSpan(0, 14));
        Assert.Equal((60_000UL, true), (inbound.MessageBytes, inbound.MessageOpen));
    }

    [Fact]
    public void MessageBytes_DoNotOverflow_GivenAbsurdLengths()
    {
        var inbound = default(InboundFrames);
        inbound.Advance(Frame(Text, 10, last: false, masked: true, longForm: true));
        byte[] head = Frame(Continuation, 0, last: false, masked: true, longForm: true);
        BinaryPrimitives.WriteUInt64BigEndian(head.AsSpan(2), ulong.MaxValue);
        inbound.Advance(head);
        Assert.Equal(ulong.MaxValue, inbound.MessageBytes);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void OverFragmented_StaysKnownWhenTheMessageHasEnded_GivenOneFragmentTooMany(int tooMany)
    {
        var inbound = default(InboundFrames);
        inbound.Advance(Frame(Text, 3, last: true, masked: true, longForm: false));
        inbound.Advance(Frame(Text, 3, last: false, masked: true, longForm: false));
        for (int i = 2; i < ConnectionLimits.MaxFragments + tooMany; i++)
        {
            inbound.Advance(Frame(Continuation, 0, last: false, masked: true, longForm: false));
            inbound.Advance(Frame(Ping, 0, last: true, masked: true, longForm: false));
        }
        inbound.Advance(Frame(Continuation, 0, last: true, masked: true, longForm: false));
        Assert.Equal(2, inbound.Completed);
        Assert.Equal(tooMany == 0 ? -1 : 1, inbound.OverFragmented);
        Assert.Equal(ConnectionLimits.MaxFragments + tooMany - 1, inbound.Continuations);
        Assert.Equal(ConnectionLimits.MaxFragments + tooMany - 2, inbound.Controls);
    }

    private static void Feed(ref InboundFrames inbound, ReadOnlySpan<byte> bytes, int[] splits, ref int split)
    {
        while (!bytes.IsEmpty)
        {
            int count = Math.Min(splits[split++ % splits.Length], bytes.Length);
            inbound.Advance(bytes[..count]);
            bytes = bytes[count..];
        }
    }

    private static byte[] Frame(int opcode, int length, bool last, bool masked, bool longForm)
    {
        int header = longForm || length > ushort.MaxValue ? 10 : length > 125 ? 4 : 2;
        byte[] bytes = new byte[header + (masked ? 4 : 0) + length];
        bytes[0] = (byte)((last ? 0x80 : 0) | opcode);
        bytes[1] = (byte)((masked ? 0x80 : 0) | (header switch { 10 => 127, 4 => 126, _ => length }));
        if (header == 4)
            BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(2), (ushort)length);
        else if (header == 10)
            BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(2), (ulong)length);
        // Content that would be taken for another header if it were looked at.
        bytes.AsSpan(header).Fill(0x81);
        return bytes;
    }
}
