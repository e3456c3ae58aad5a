using System.Reflection;
using Aether.Domain;
using Xunit;

namespace Aether.Tests.Unit;

public sealed class ErrorCodeTests
{
    [Theory]
    [InlineData("invalid_message", false)]
    [InlineData("forbidden", false)]
    [InlineData("rate_limited", true)]
    [InlineData("recipient_offline", true)]
    [InlineData("backplane_unavailable", true)]
    [InlineData("internal", true)]
    public void Parse_FindsTheCode_GivenItsName(string name, bool retryable)
    {
        var code = ErrorCode.Parse(name);
        Assert.Equal(name, code.Name);
        Assert.Equal(name, code.ToString());
        Assert.Equal(retryable, code.Retryable);
    }

    [Fact]
    public void Parse_FindsEveryCode_ThatIsSpelled()
    {
        var codes = typeof(ErrorCode).GetProperties(BindingFlags.Public | BindingFlags.Static)
            .Select(property => (ErrorCode)property.GetValue(null)!)
            .ToList();
        Assert.Equal(14, codes.Count);
        Assert.All(codes, code => Assert.Same(code, ErrorCode.Parse(code.Name)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("Forbidden")]
    [InlineData("predicate_validator")]
    public void Parse_Throws_GivenNoCode(string name) => Assert.Throws<ArgumentException>(() => ErrorCode.Parse(name));
}
