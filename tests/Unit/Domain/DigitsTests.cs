using Aether.Domain;
using Aether.Domain.Commands;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>A number has digits and nothing else, wherever it is read.</summary>
public sealed class DigitsTests
{
    [Theory]
    [InlineData("0", 0)]
    [InlineData("17", 17)]
    [InlineData("2147483647", int.MaxValue)]
    public void Number_IsItsDigits(string text, int expected)
    {
        Assert.True(Digits.TryParse(text, out int number));
        Assert.Equal(expected, number);
    }

    [Theory]
    [InlineData("")]
    [InlineData("1\0")]
    [InlineData("1\0\0")]
    [InlineData("\0")]
    [InlineData(" 1")]
    [InlineData("1 ")]
    [InlineData("+1")]
    [InlineData("-1")]
    [InlineData("1.0")]
    [InlineData("1e1")]
    [InlineData("1\n")]
    [InlineData("١")]
    [InlineData("2147483648")]
    public void Number_IsNone_GivenAnythingElse(string text)
    {
        Assert.False(Digits.TryParse(text, out int _));
        Assert.False(Position.TryParse("e:" + (text == "2147483648" ? "9007199254740992" : text), out _));
        Assert.False(ExecutionId.TryParse("c." + text, out _));
    }
}
