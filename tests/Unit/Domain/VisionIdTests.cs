using System.Text;
using Aether.Domain;
using CsCheck;
using Xunit;

namespace Aether.Tests.Unit;

public sealed class VisionIdTests
{
    public static TheoryData<string> ValidIds =>
        ["a", "A", "0", "_", "-", "--", "Aether", "AETHER", "aether1", "c1_-Z", "null", new string('x', 64)];

    public static TheoryData<string> InvalidIds =>
    [
        "", "*", "a*", ":", "ws:client:a", "{", "}", "{g1}", "a\r\nb", "a\n", "\0", " ", " a", "a b", "é", "１", "😀",
        "a/b", "a.b", "?", "[ab]", "%0d%0a", "+", "=", "\ud83d", "aether", new string('x', 65), new string('x', 1000),
    ];

    [Theory]
    [MemberData(nameof(ValidIds))]
    public void TryParse_HoldsTheText_GivenAValidId(string text)
    {
        Assert.True(VisionId.TryParse(text, out var id));
        Assert.Equal(text, id.Value);
        Assert.Equal(text, id.ToString());
        Assert.False(id.IsEmpty);
        Assert.Equal(id, VisionId.Parse(text));
        Assert.True(id.Is(Encoding.UTF8.GetBytes(text)));
    }

    [Theory]
    [MemberData(nameof(InvalidIds))]
    public void TryParse_Refuses_GivenAnInvalidId(string text)
    {
        Assert.False(VisionId.TryParse(text, out var id));
        Assert.True(id.IsEmpty);
        Assert.False(VisionId.TryParse(Encoding.UTF8.GetBytes(text), out id));
        Assert.True(id.IsEmpty);
        Assert.Throws<FormatException>(() => VisionId.Parse(text));
    }

    [Fact]
    public void TryParse_Refuses_GivenNull() =>
        Assert.False(VisionId.TryParse((string?)null, out _));

    [Fact]
    public void TryParse_AgreesWithUtf8_GivenAnyText()
    {
        var near = Gen.Char["abzAZ09_-*:{}\r\n é"];
        Gen.OneOf(
            near.Array[0, 70].Select(chars => new string(chars)),
            Gen.Char.Array[0, 4].Select(chars => new string(chars)),
            Generated.Id.Select(id => id.Value)).Sample(text =>
        {
            bool fromText = VisionId.TryParse(text, out var first);
            bool fromUtf8 = VisionId.TryParse(Encoding.UTF8.GetBytes(text), out var second);
            Assert.Equal(fromText, fromUtf8);
            Assert.Equal(first, second);
            Assert.Equal(first.GetHashCode(), second.GetHashCode());
            bool allowed = text.Length is >= 1 and <= 64 && text != "aether"
                && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-');
            Assert.Equal(allowed, fromText);
        }, iter: 5_000);
    }

    [Fact]
    public void TryParse_Refuses_GivenBytesThatAreNoUtf8() =>
        Assert.False(VisionId.TryParse([(byte)'a', 0xff], out _));

    [Fact]
    public void Server_IsTheReservedId_ThatNobodyCanParse()
    {
        Assert.Equal("aether", VisionId.Server.Value);
        Assert.False(VisionId.TryParse(VisionId.Server.Value, out _));
        Assert.True(VisionId.Server.Is("aether"u8));
    }

    [Fact]
    public void Equality_IsByCase_GivenTwoIds()
    {
        var (small, big) = (VisionId.Parse("a"), VisionId.Parse("A"));
        Assert.True(small != big);
        Assert.True(small == VisionId.Parse("a"));
        Assert.True(small.Equals((object)VisionId.Parse("a")));
        Assert.False(small.Equals("a"));
        Assert.False(small.Is("A"u8));
        Assert.True(big < small && small > big && big <= small && small >= big);
    }

    [Fact]
    public void Default_IsNoId_AndSpelledByNothing()
    {
        VisionId none = default;
        Assert.True(none.IsEmpty);
        Assert.Equal("", none.Value);
        Assert.False(none.Is(""u8));
        Assert.Equal(0, none.GetHashCode());
        Assert.True(none < VisionId.Parse("-"));
    }

    [Fact]
    public void CompareTo_SortsByOrdinal_GivenIdsAsObjects()
    {
        IComparable id = VisionId.Parse("b");

        Assert.True(id.CompareTo(VisionId.Parse("B")) > 0);
        Assert.True(id.CompareTo(VisionId.Parse("c")) < 0);
        Assert.Equal(0, id.CompareTo(VisionId.Parse("b")));
        Assert.True(id.CompareTo(null) > 0);
        Assert.Throws<ArgumentException>(() => id.CompareTo("b"));
    }
}
