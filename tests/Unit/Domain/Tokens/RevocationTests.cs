using Aether.Application.Tokens;
using Aether.Domain.Tokens;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>Which tokens a revocation takes back.</summary>
public sealed class RevocationTests
{
    [Theory]
    [InlineData("a", true)]
    [InlineData("with blanks, and ümlauts 漢", true)]
    [InlineData("😀", true)]
    [InlineData("", false)]
    [InlineData(null, false)]
    [InlineData("line\nbreak", false)]
    [InlineData("\0", false)]
    [InlineData("\u0085", false)]
    public void IsTokenId_SaysWhatAnIdMayBe(string? text, bool may) => Assert.Equal(may, Revocation.IsTokenId(text));

    [Fact]
    public void IsTokenId_SaysNo_GivenHalfASurrogatePair()
    {
        // Not as data of a theory: in an attribute it would be something else.
        foreach (string text in (string[])["half \ud83d", "\ude00 half", "\ud83d half", "\ud83d\ud83d\ude00"])
            Assert.False(Revocation.IsTokenId(text));
    }

    [Fact]
    public void IsTokenId_SaysHowLongAnIdMayBe()
    {
        Assert.True(Revocation.IsTokenId(new string('x', 256)));
        Assert.False(Revocation.IsTokenId(new string('x', 257)));
    }

    [Fact]
    public void Of_RoundsTheTimeUp_SoThatNoTokenIsLeftOut()
    {
        var whole = Tokens.Issued;
        Assert.Equal(whole, Revocation.Of(Some.Client, whole).IssuedBefore);
        Assert.Equal(whole.AddMilliseconds(1), Revocation.Of(Some.Client, whole.AddTicks(1)).IssuedBefore);
        Assert.Equal(DateTime.MaxValue, Revocation.Of(Some.Client, DateTime.MaxValue).IssuedBefore);
    }

    [Fact]
    public void Covers_TheTokenOfTheId_AndNoOther()
    {
        var one = Revocation.Of("t1");
        Assert.True(Covers(one, Tokens.Of(Some.Client, "t1")));
        Assert.False(Covers(one, Tokens.Of(Some.Client, "T1")));
        Assert.False(Covers(one, Tokens.Of(Some.Client)));
    }

    [Fact]
    public void Covers_TokensOfTheClient_ThatWereIssuedBefore_OrDoNotSay()
    {
        var one = Revocation.Of(Some.Client, Tokens.Issued);
        Assert.True(Covers(one, Tokens.Of(Some.Client, "t1", Tokens.Issued.AddTicks(-1))));
        Assert.True(Covers(one, Tokens.Of(Some.Client)));
        Assert.False(Covers(one, Tokens.Of(Some.Client, "t1", Tokens.Issued)));
        Assert.False(Covers(one, Tokens.Of(Some.OtherClient, "t1", Tokens.Issued.AddTicks(-1))));
    }

    private static bool Covers(Revocation one, Token token)
    {
        var known = new RevokedTokens(TimeProvider.System);
        known.Add(one, isSeen: true);
        return known.Covers(token);
    }
}
