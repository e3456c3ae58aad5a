using System.Text;
using Aether.Application.Legacy;
using Aether.Domain;
using Xunit;

namespace Aether.Tests.Unit;

public sealed class LegacyMessageTests
{
    [Theory]
    [InlineData("hello", Target.Group, "g1", "")]
    [InlineData("", Target.Group, "g1", "")]
    [InlineData("[1]", Target.Group, "g1", "")]
    [InlineData("{broken", Target.Group, "g1", "")]
    [InlineData("""{"a":1} trailing""", Target.Group, "g1", "")]
    [InlineData("""{"target":"elsewhere"}""", Target.Group, "g1", "")]
    [InlineData("""{"target":7}""", Target.Group, "g1", "")]
    [InlineData("""{"target":"\ud800"}""", Target.Group, "g1", "")]
    [InlineData("""{"target":"group"}""", Target.Group, "g1", "")]
    [InlineData("""{"target":"group","group_id":"g2"}""", Target.Group, "g2", "")]
    [InlineData("""{"target":"direct","to_id":"c2"}""", Target.Direct, "g1", "c2")]
    [InlineData("""{"target":"direct"}""", Target.Group, "g1", "")]
    [InlineData("""{"target":"role","to_role":"worker","group_id":"g2"}""", Target.Group, "g1", "")]
    [InlineData("""{"target":"direct","to_id":null}""", Target.Group, "g1", "")]
    [InlineData("""{"target":"group","group_id":null}""", Target.Group, "g1", "")]
    [InlineData(""" {"target":"broadcast"}""", Target.Broadcast, "g1", "")]
    [InlineData("""{"target":"broadcast"} {}""", Target.Group, "g1", "")]
    [InlineData("""{"\ud800target":"broadcast"}""", Target.Group, "g1", "")]
    [InlineData("""{"target":"direct","to_id":"c2","\ud800":1}""", Target.Direct, "g1", "c2")]
    [InlineData("""{"t\u0061rget":"direct","to_id":"c\u0032","x":{"target":"broadcast"}}""", Target.Direct, "g1", "c2")]
    [InlineData("""{"target":"broadcast","target":"direct","to_id":["c1"],"to_id":"c2"}""", Target.Direct, "g1", "c2")]
    public void FromClient_SendsWhereTheTextSays_OrElseToTheGroup(string text, Target target, string group, string to)
    {
        var message = LegacyMessage.FromClient(Some.Group, Some.Client, Encoding.UTF8.GetBytes(text))!;

        Assert.Equal(
            (target, group, to, text),
            (message.Target, message.GroupId.Value, message.ToId.Value, Encoding.UTF8.GetString(message.Data.Span)));
    }

    [Theory]
    [InlineData("""{"target":"direct","to_id":"*"}""")]
    [InlineData("""{"target":"direct","to_id":"c2 "}""")]
    [InlineData("""{"target":"direct","to_id":""}""")]
    [InlineData("""{"target":"direct","to_id":5}""")]
    [InlineData("""{"target":"direct","to_id":["c2"]}""")]
    [InlineData("""{"target":"direct","to_id":"\ud800"}""")]
    [InlineData("""{"target":"direct","to_id":"aether"}""")]
    [InlineData("""{"target":"group","group_id":"a b"}""")]
    [InlineData("""{"target":"group","group_id":{}}""")]
    public void FromClient_SendsToNobody_WhatIsForOneWhoCannotBe(string text) =>
        Assert.Null(LegacyMessage.FromClient(Some.Group, Some.Client, Encoding.UTF8.GetBytes(text)));

    [Fact]
    public void FromClient_ReadsWhereItGoes_HoweverDeepTheTextIs()
    {
        string deep = new string('[', 5_000) + new string(']', 5_000);
        var message = LegacyMessage.FromClient(
            Some.Group, Some.Client, Encoding.UTF8.GetBytes($$"""{"x":{{deep}},"target":"direct","to_id":"c2"}"""));
        Assert.Equal(Target.Direct, message!.Target);
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("quotes \" and \\ and \n and é and 😀 and \u2028")]
    [InlineData("""{"target":"direct","to_id":"c2"}""")]
    public void TryRead_GivesBackWhatWriteWrote(string text)
    {
        var said = LegacyMessage.FromClient(Some.Group, Some.Client, Encoding.UTF8.GetBytes(text))!;

        Assert.True(LegacyMessage.TryRead(said.Write(), out var heard));

        Assert.Equal(
            (said.Target, said.GroupId, said.ToId, said.FromId, text),
            (heard.Target, heard.GroupId, heard.ToId, heard.FromId, Encoding.UTF8.GetString(heard.Data.Span)));
    }

    [Fact]
    public void Write_SpellsTheEnvelopeOfV2()
    {
        var said = LegacyMessage.FromClient(Some.Group, Some.Client, "hi"u8.ToArray())!;

        Assert.Equal(
            """{"target":"group","group_id":"g1","to_id":null,"from_id":"c1","data":"hi"}""",
            Encoding.UTF8.GetString(said.Write()));
    }

    [Theory]
    [InlineData("hello")]
    [InlineData("""{"target":"group","group_id":"g1","data":7}""")]
    [InlineData("""{"target":"group","data":"no group"}""")]
    [InlineData("""{"target":"direct","group_id":"g1","data":"nobody"}""")]
    [InlineData("""{"target":"echo","group_id":"g1","data":"x"}""")]
    public void TryRead_Refuses_WhatIsNoEnvelope(string json) =>
        Assert.False(LegacyMessage.TryRead(Encoding.UTF8.GetBytes(json), out _));
}
