using Aether.Domain.Commands;
using CsCheck;
using Xunit;

namespace Aether.Tests.Unit.Commands;

/// <summary>Counts and shares of a command's targets.</summary>
public sealed class AmountTests
{
    [Theory]
    [InlineData("0.1", 30, 3)]
    [InlineData("0.1", 31, 4)]
    [InlineData("0.5", 1, 1)]
    [InlineData("0.000000001", 10_000, 1)]
    [InlineData("0.999999999", 10_000, 10_000)]
    [InlineData("0.6666666666666666", 3, 2)]
    [InlineData("0.3333333333333333333333333333", 3, 1)]
    [InlineData("0.29", 100, 29)]
    public void Of_RoundsUp_GivenAShare(string share, int all, int expected) =>
        Assert.Equal(expected, Share(share).Of(all));

    [Fact]
    public void Of_IsTheCount_GivenACount() => Assert.Equal(7, Amount.FromCount(7).Of(3));

    [Fact]
    public void Of_IsWhatTheHundredthsSay_GivenAnyShareOfHundredths() =>
        Gen.Select(Gen.Int[1, 99], Gen.Int[1, 10_000]).Sample((hundredths, all) =>
            Assert.Equal(((hundredths * all) + 99) / 100, Amount.FromShare(hundredths / 100m).Of(all)));

    [Theory]
    [InlineData("0.1", 1, 10, false)]
    [InlineData("0.1", 2, 10, true)]
    [InlineData("0.1", 1, 9, true)]
    [InlineData("0.5", 1, 2, false)]
    public void IsExceededBy_MeansMoreThan_GivenAShare(string share, int part, int all, bool expected) =>
        Assert.Equal(expected, Share(share).IsExceededBy(part, all));

    [Theory]
    [InlineData(2, 2, false)]
    [InlineData(2, 3, true)]
    [InlineData(0, 0, false)]
    [InlineData(0, 1, true)]
    public void IsExceededBy_MeansMoreThan_GivenACount(int count, int part, bool expected) =>
        Assert.Equal(expected, Amount.FromCount(count).IsExceededBy(part, 100));

    [Theory]
    [InlineData("0")]
    [InlineData("1")]
    [InlineData("-0.5")]
    [InlineData("1.5")]
    public void FromShare_Throws_GivenWhatIsNoShare(string share) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Share(share));

    [Fact]
    public void FromCount_Throws_GivenLessThanNothing() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Amount.FromCount(-1));

    private static Amount Share(string share) =>
        Amount.FromShare(decimal.Parse(share, System.Globalization.CultureInfo.InvariantCulture));
}
