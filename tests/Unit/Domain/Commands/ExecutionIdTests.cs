using Aether.Domain.Commands;
using Xunit;

namespace Aether.Tests.Unit.Commands;

/// <summary>The id that a member replies to.</summary>
public sealed class ExecutionIdTests
{
    [Theory]
    [InlineData("a.0", "a", 0)]
    [InlineData("Abc123.9999", "Abc123", 9_999)]
    public void TryParse_ReadsWhatToStringWrites_GivenAnId(string text, string command, int index)
    {
        Assert.True(ExecutionId.TryParse(text, out var id));
        Assert.Equal(new ExecutionId(command, index), id);
        Assert.Equal(text, id.ToString());
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("a")]
    [InlineData(".0")]
    [InlineData("a.")]
    [InlineData("a.00")]
    [InlineData("a.01")]
    [InlineData("a.-1")]
    [InlineData("a.10000")]
    [InlineData("a.99999999999")]
    [InlineData("a.1.2")]
    [InlineData("a:b.1")]
    [InlineData("a{b}.1")]
    [InlineData("ä.1")]
    [InlineData("12345678901234567890123456789012345678901.1")]
    public void TryParse_Refuses_GivenNoId(string? text) => Assert.False(ExecutionId.TryParse(text, out _));
}
