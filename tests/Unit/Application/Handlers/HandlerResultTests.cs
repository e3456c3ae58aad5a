using System.Text;
using Aether.Application.Handlers;
using Aether.Domain;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>What a handler of a host can say, and what it cannot.</summary>
public sealed class HandlerResultTests
{
    [Theory]
    [InlineData("forbidden", true, false)]
    [InlineData("rate_limited", false, true)]
    [InlineData("out_of_paper", true, true)]
    [InlineData("out_of_paper", false, false)]
    [InlineData("out_of_paper_2", false, false)]
    [InlineData("a", false, false)]
    [InlineData("a123456789012345678901234567890123456789012345678901234567890123", true, true)]
    public void Refusal_SaysWhetherToTryAgain_AsTheProtocolDoesForItsOwnCodes(string code, bool said, bool retryable)
    {
        var refusal = new Refusal("no", code, said);

        Assert.Equal((code, "no", retryable), (refusal.Code, refusal.Text, refusal.Retryable));
        // One of the protocol's is the protocol's.
        Assert.Same(ErrorCode.Of("forbidden", retryable: true), ErrorCode.Forbidden);
    }

    [Theory]
    [InlineData("")]
    [InlineData("Out_of_paper")]
    [InlineData("outOfPaper")]
    [InlineData("out of paper")]
    [InlineData("out-of-paper")]
    [InlineData("9lives")]
    [InlineData("_x")]
    [InlineData("\u00e9")]
    [InlineData("caf\u00e9")]
    [InlineData("a1234567890123456789012345678901234567890123456789012345678901234")]
    public void Refusal_IsRefused_GivenACodeThatIsNone(string code)
    {
        var refused = Assert.Throws<ArgumentException>(() => new Refusal("no", code));

        Assert.Contains("1 to 64 of a-z, 0-9 and _, the first a letter", refused.Message, StringComparison.Ordinal);
        Assert.Contains(
            "is 1 to 64 of `a-z 0-9 _`, the first a letter",
            Repository.Read("docs/embedding.md"),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Refusal_IsRefused_GivenNoTextOrTooMuch()
    {
        Assert.Throws<ArgumentException>(() => new Refusal(" "));
        Assert.Throws<ArgumentException>(() => new Refusal(new string('a', 1_025)));
        Assert.Throws<ArgumentNullException>(() => new Refusal(null!));
        Assert.Equal(1_024, new Refusal(new string('a', 1_024)).Text.Length);
    }

    [Fact]
    public void Reply_IsAJsonObject_AndNothingElse()
    {
        Assert.Equal("{}", Text(MessageResult.Reply()));
        Assert.Equal("""{"pageCount":3}""", Text(MessageResult.Reply(new { PageCount = 3 })));
        foreach (object wrong in (object[])["text", 3, new[] { 1 }, true])
            Assert.Throws<ArgumentException>(() => MessageResult.Reply(wrong));
    }

    private static string Text(MessageResult result) => Encoding.UTF8.GetString(result.Answer!.Value.Span);
}
