using System.Text;
using System.Text.Json;
using Aether.Application.Wire;
using Aether.Domain;
using CsCheck;
using Xunit;

namespace Aether.Tests.Unit;

public sealed class MessageWriterTests
{
    private static readonly string[] TenFields =
        ["version", "msg_type", "target", "from_id", "to_id", "group_id", "cmd", "msg", "payload", "sent_at"];

    [Fact]
    public void Write_HasTheTenFieldsInOrder_GivenThatMostAreEmpty() =>
        Assert.Equal(
            """{"version":"3","msg_type":"msg","target":"group","from_id":"c1","to_id":null,"group_id":null"""
            + ""","cmd":null,"msg":null,"payload":{},"sent_at":"2026-01-02T03:04:05Z"}""",
            Json(Some.Message with { GroupId = default }));

    [Fact]
    public void Write_HasEveryField_GivenThatNoneIsEmpty() =>
        Assert.Equal(
            """{"version":"3","msg_type":"cmd","target":"direct","from_id":"c1","to_id":"c2","""
            + """
              "group_id":"g1","cmd":"go","msg":"now","payload":{"a":1},"sent_at":"2026-01-02T03:04:05Z",
              """
            + """
              "id":"m1","reply_to":"m0"}
              """,
            Json(Some.Message with
            {
                Type = MessageType.Cmd,
                Target = Target.Direct,
                ToId = Some.OtherClient,
                Cmd = "go",
                Msg = "now",
                Payload = "{\"a\":1}"u8.ToArray(),
                Id = "m1",
                ReplyTo = "m0",
            }));

    [Theory]
    [InlineData(null, null)]
    [InlineData("m1", null)]
    [InlineData(null, "m0")]
    [InlineData("m1", "m0")]
    public void Write_HasIdAndReplyTo_OnlyIfTheMessageHas(string? id, string? replyTo)
    {
        using var document = JsonDocument.Parse(Json(Some.Message with { Id = id, ReplyTo = replyTo }));
        string[] expected =
            [.. TenFields, .. id is null ? (string[])[] : ["id"], .. replyTo is null ? (string[])[] : ["reply_to"]];
        Assert.Equal(expected, document.RootElement.EnumerateObject().Select(property => property.Name));
    }

    [Theory]
    [InlineData(MessageType.Msg, "msg")]
    [InlineData(MessageType.Cmd, "cmd")]
    [InlineData(MessageType.Heartbeat, "heartbeat")]
    [InlineData(MessageType.Presence, "presence")]
    public void Write_SpellsTheType_AsTheProtocolDoes(MessageType type, string name) =>
        Assert.Contains($"\"msg_type\":\"{name}\",", Json(Some.Message with { Type = type }), StringComparison.Ordinal);

    [Theory]
    [InlineData(Target.Direct, "direct")]
    [InlineData(Target.Group, "group")]
    [InlineData(Target.Broadcast, "broadcast")]
    [InlineData(Target.Role, "role")]
    [InlineData(Target.Echo, "echo")]
    public void Write_SpellsTheTarget_AsTheProtocolDoes(Target target, string name) =>
        Assert.Contains(
            $"\"target\":\"{name}\",", Json(Some.Message with { Target = target }), StringComparison.Ordinal);

    [Theory]
    [InlineData("", "")]
    [InlineData("\"", "\\\"")]
    [InlineData("\\", "\\\\")]
    [InlineData("\r\n\t", "\\r\\n\\t")]
    [InlineData("\b\f", "\\b\\f")]
    [InlineData("\0\v\u001f", "\\u0000\\u000b\\u001f")]
    [InlineData("a/b<c>&'", "a/b<c>&'")]
    [InlineData("é語😀\u2028\u2029\u007f\ufeff", "é語😀\u2028\u2029\u007f\ufeff")]
    [InlineData("é\"😀", "é\\\"😀")]
    public void Write_EscapesOnlyWhatItMust_GivenText(string text, string escaped)
    {
        string json = Json(Some.Message with { Cmd = text, Msg = text });
        Assert.Contains($"\"cmd\":\"{escaped}\",\"msg\":\"{escaped}\",", json, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_IsReadAsTheSameText_GivenAnyText() =>
        Generated.Text.Sample(text =>
        {
            using var document = JsonDocument.Parse(MessageWriter.Write(Some.Message with { Cmd = text, Msg = text }));
            Assert.Equal(text, document.RootElement.GetProperty("cmd").GetString());
            Assert.Equal(text, document.RootElement.GetProperty("msg").GetString());
        }, iter: 2_000);

    [Fact]
    public void Write_IsStillUtf8_GivenALoneSurrogateOfTheHosts()
    {
        using var document = JsonDocument.Parse(MessageWriter.Write(Some.Message with { Msg = "a\ud83d\"" }));
        Assert.Equal("a\ufffd\"", document.RootElement.GetProperty("msg").GetString());
    }

    [Theory]
    [InlineData(0, "2026-01-02T03:04:05Z")]
    [InlineData(1, "2026-01-02T03:04:05.0000001Z")]
    [InlineData(5_000_000, "2026-01-02T03:04:05.5Z")]
    [InlineData(1_234_560, "2026-01-02T03:04:05.123456Z")]
    [InlineData(9_999_999, "2026-01-02T03:04:05.9999999Z")]
    public void Write_HasTheTimeInUtc_WithoutZerosAtItsEnd(long ticks, string expected)
    {
        var sentAt = Some.Message.SentAt.AddTicks(ticks);
        using var document = JsonDocument.Parse(Json(Some.Message with { SentAt = sentAt }));
        Assert.Equal(expected, document.RootElement.GetProperty("sent_at").GetString());
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("{ \"a\" : [ 1 ,\n 2 ] }")]
    [InlineData("{\"x\":1e400,\"y\":-0.0,\"z\":9007199254740993}")]
    [InlineData("{\"x\":\"\\u00e9\\/\\ud83d\\ude00\",\"x\":\"é\"}")]
    public void Write_CopiesThePayload_ByteForByte(string payload) =>
        Assert.Contains(
            $",\"payload\":{payload},\"sent_at\":",
            Json(Some.Message with { Payload = Encoding.UTF8.GetBytes(payload) }),
            StringComparison.Ordinal);

    [Fact]
    public void Write_FitsItsBuffer_GivenTheLongestOfEverything()
    {
        var longest = VisionId.Parse(new string('x', VisionId.MaxLength));
        string quotes = new('"', MessageReader.MaxIdLength);
        // From no payload to one that needs more than the first buffer, around the size where it has to be exact.
        foreach (string? text in (string?[])[null, "", "\0\0\0", new('\u001f', 256), new('語', 256)])
        {
            var message = Some.Message with
            {
                Type = MessageType.Heartbeat,
                Target = Target.Broadcast,
                FromId = longest,
                ToId = longest,
                GroupId = longest,
                Cmd = text,
                Msg = text,
                Payload = Encoding.UTF8.GetBytes("{\"x\":\"" + new string('x', 300_000) + "\"}"),
                SentAt = DateTime.MaxValue,
                Id = quotes,
                ReplyTo = quotes,
            };
            using var document = JsonDocument.Parse(MessageWriter.Write(message));
            Assert.Equal(quotes, document.RootElement.GetProperty("reply_to").GetString());
            Assert.Equal(text, document.RootElement.GetProperty("msg").GetString());
        }
    }

    [Fact]
    public void Write_IsExact_GivenManyMessagesOnOneThread() =>
        // The buffer is reused: a short message after a long one must hold nothing of it.
        Generated.Message.Array[2, 5].Sample(
            messages => Assert.All(messages, message =>
            {
                byte[] written = MessageWriter.Write(message);
                Assert.Equal(written, MessageWriter.WriteToScratch(message).ToArray());
                using var document = JsonDocument.Parse(written);
                Assert.Equal(message.FromId.Value, document.RootElement.GetProperty("from_id").GetString());
            }),
            iter: 200);

    private static string Json(Message message) => Encoding.UTF8.GetString(MessageWriter.Write(message));
}
