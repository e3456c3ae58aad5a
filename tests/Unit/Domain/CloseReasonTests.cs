using System.Reflection;
using System.Text;
using Aether.Domain;
using CsCheck;
using Xunit;

namespace Aether.Tests.Unit;

public sealed class CloseReasonTests
{
    /// <summary>The close codes of the protocol, in its order.</summary>
    public static TheoryData<int, CloseReason> Codes => new()
    {
        { 1001, CloseReason.GoingAway },
        { 1012, CloseReason.Restarting },
        { 1002, CloseReason.ProtocolError },
        { 1003, CloseReason.BinaryFrame },
        { 1007, CloseReason.InvalidUtf8 },
        { 1009, CloseReason.MessageTooBig("rule") },
        { 1011, CloseReason.ServerFault },
        { 1013, CloseReason.Overloaded },
        { 4000, CloseReason.InvalidMessage("rule") },
        { 4001, CloseReason.CredentialRevoked },
        { 4004, CloseReason.Superseded },
        { 4005, CloseReason.Removed },
        { 4100, CloseReason.Flooding },
        { 4101, CloseReason.TooSlow },
        { 4102, CloseReason.Idle },
    };

    [Theory]
    [MemberData(nameof(Codes), DisableDiscoveryEnumeration = true)]
    public void Code_IsTheProtocols_GivenEachReason(int code, CloseReason reason)
    {
        Assert.Equal(code, reason.Code);
        Assert.NotEmpty(reason.Text);
        Assert.InRange(Encoding.UTF8.GetByteCount(reason.Text), 1, CloseReason.MaxTextBytes);
    }

    [Fact]
    public void Reasons_AreThoseOfTheTable_AndNormalAndLost()
    {
        var listed = Codes.Select(row => row.Data.Item2.Code).Concat([(ushort)1000, (ushort)1006]).Order();
        var spelled = typeof(CloseReason).GetProperties(BindingFlags.Public | BindingFlags.Static)
            .Select(property => ((CloseReason)property.GetValue(null)!).Code)
            .Append(CloseReason.MessageTooBig("").Code)
            .Append(CloseReason.InvalidMessage("").Code)
            .Order();
        Assert.Equal(listed, spelled);
    }

    [Fact]
    public void Text_IsShortenedBetweenRunes_GivenAnyText() =>
        Gen.Frequency(
                (2, Gen.OneOf("a", "é", "語", "😀")),
                (1, Gen.OneOf(Gen.Int[0, 0xd7ff], Gen.Int[0xe000, 0x10ffff]).Select(char.ConvertFromUtf32)))
            .Array[0, 140]
            .Select(string.Concat)
            .Sample(text =>
            {
                string cut = CloseReason.InvalidMessage(text).Text;
                int bytes = Encoding.UTF8.GetByteCount(cut);
                Assert.InRange(bytes, 0, CloseReason.MaxTextBytes);
                Assert.StartsWith(cut, text, StringComparison.Ordinal);
                // No half of a pair is left, and no rune more would have fitted.
                Assert.Equal(cut, Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(cut)));
                if (cut.Length < text.Length)
                {
                    var next = Rune.GetRuneAt(text, cut.Length);
                    Assert.True(bytes + next.Utf8SequenceLength > CloseReason.MaxTextBytes);
                }
            }, iter: 2_000);

    [Fact]
    public void Text_StaysWhole_GivenExactly123Bytes()
    {
        string text = new('é', 61);
        Assert.Equal(text + "x", CloseReason.MessageTooBig(text + "x").Text);
        Assert.Equal(text, CloseReason.MessageTooBig(text + "é").Text);
    }

    [Fact]
    public void Text_FitsACloseFrame_GivenLoneSurrogates()
    {
        string text = CloseReason.InvalidMessage(new string('\ud83d', 100)).Text;
        Assert.InRange(Encoding.UTF8.GetByteCount(text), 1, CloseReason.MaxTextBytes);
    }

    [Theory]
    [InlineData(1000, 1000)]
    [InlineData(1001, 1001)]
    [InlineData(3000, 3000)]
    [InlineData(4999, 4999)]
    [InlineData(1004, 1000)]
    [InlineData(1005, 1000)]
    [InlineData(1006, 1000)]
    [InlineData(1015, 1000)]
    [InlineData(0, 1000)]
    [InlineData(999, 1000)]
    [InlineData(5000, 1000)]
    [InlineData(-1, 1000)]
    public void Answer_ReturnsACodeThatMayBeSent_GivenAnyCode(int theirs, int ours)
    {
        var answer = CloseReason.Answer(theirs);
        Assert.Equal(ours, answer.Code);
        Assert.Empty(answer.Text);
    }
}
