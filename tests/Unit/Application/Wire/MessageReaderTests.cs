using System.Diagnostics;
using System.Text;
using Aether.Application.Wire;
using Aether.Domain;
using CsCheck;
using Xunit;

namespace Aether.Tests.Unit;

public sealed class MessageReaderTests
{
    private static readonly string[] Fields =
    [
        "version", "msg_type", "target", "from_id", "to_id", "group_id", "cmd", "msg", "payload", "sent_at", "id",
        "reply_to", "to_role",
    ];

    public static TheoryData<string> InvalidCases => [.. Corpus.Invalid.Keys];

    public static TheoryData<string> ValidCases => [.. Corpus.Valid.Keys];

    [Theory]
    [MemberData(nameof(InvalidCases))]
    public void TryRead_NamesFieldAndRule_GivenAnInvalidMessage(string name)
    {
        var invalid = Corpus.Invalid[name];
        Assert.False(MessageReader.TryRead(invalid.Bytes, Some.Client, Some.Group, out var message, out var error));
        Assert.Null(message);
        Assert.Equal(invalid.Field, error.Field);
        Assert.Contains(invalid.Rule, error.Rule, StringComparison.Ordinal);
        AssertFitsCloseFrame(error);
    }

    [Theory]
    [MemberData(nameof(ValidCases))]
    public void TryRead_Accepts_GivenAValidMessage(string name)
    {
        var valid = Corpus.Valid[name];
        var message = Read(Encoding.UTF8.GetBytes(valid.Json));
        Assert.Equal(valid.Canonical, Encoding.UTF8.GetString(MessageWriter.Write(message)));
        Assert.Equal(DateTimeKind.Utc, message.SentAt.Kind);
    }

    [Fact]
    public void Corpus_CoversEveryField_WithCases()
    {
        Assert.All(Fields, field => Assert.Contains(Corpus.Invalid.Values, c => c.Field == field));
        Assert.All(Corpus.Invalid.Values, c => Assert.True(c.Json is null != c.Base64 is null, c.Name));
    }

    [Theory]
    [InlineData('[')]
    [InlineData('{')]
    public void TryRead_RefusesAtOnce_GivenAHundredThousandLevels(char kind)
    {
        string opening = string.Concat(Enumerable.Repeat(kind == '[' ? "[" : "{\"a\":", 100_000));
        byte[] bytes = Encoding.UTF8.GetBytes("{\"from_id\":\"c1\",\"payload\":{\"x\":" + opening);
        // The fastest of a few: the reader is measured, not the machine's other work or the first call's compiling.
        var fastest = Enumerable.Range(0, 5).Min(_ =>
        {
            var clock = Stopwatch.StartNew();
            Assert.False(MessageReader.TryRead(bytes, Some.Client, Some.Group, out var _, out var error));
            Assert.Equal(("message", "must not nest deeper than 64"), (error.Field, error.Rule));
            return clock.Elapsed;
        });
        Assert.InRange(fastest, TimeSpan.Zero, TimeSpan.FromMilliseconds(50));
    }

    [Theory]
    [InlineData("""{"id":"q","msg_type":"zzz"}""", "q")]
    [InlineData("""{"id":"q","msg_type":"msg"}""", "q")]
    [InlineData("""{"id":"q",""", "q")]
    [InlineData("""{"id":"é"}""", null)]
    [InlineData("""{"\ud800":1,"id":"q"}""", "q")]
    [InlineData("""{"msg_type":"zzz","id":"q"}""", "q")]
    [InlineData("""{"msg_type":"zzz","payload":{"id":"inner"},"id":"q"}""", "q")]
    [InlineData("""{"payload":[{"id":"inner"}],"\u0069d":"q"}""", "q")]
    [InlineData("""{"msg_type":"zzz","id":7}""", null)]
    [InlineData("""{"msg_type":"zzz","id":7,"id":"q"}""", "q")]
    [InlineData("""{"msg_type":"zzz","id":"\ud800"}""", null)]
    [InlineData("""{"msg_type":"zzz","id":""}""", null)]
    [InlineData("""{"msg_type":"zzz","id":"q","x":""", "q")]
    [InlineData("""{"msg_type":"zzz","x":,"id":"q"}""", null)]
    [InlineData("""[{"id":"q"}]""", null)]
    [InlineData("no JSON", null)]
    public void Error_HasTheIdOfTheMessage_WhereverThatStands(string json, string? id)
    {
        Assert.False(MessageReader.TryRead(Encoding.UTF8.GetBytes(json), Some.Client, Some.Group, out _, out var error));
        Assert.Equal(id, error.Id);
    }

    [Fact]
    public void Error_HasTheIdOfTheMessage_BehindWhatIsTooDeep()
    {
        string deep = new string('[', 1_000) + new string(']', 1_000);
        byte[] json = Encoding.UTF8.GetBytes($$"""{"x":{{deep}},"id":"q"}""");
        Assert.False(MessageReader.TryRead(json, Some.Client, Some.Group, out _, out var error));
        Assert.Equal(("must not nest deeper than 64", "q"), (error.Rule, error.Id));
    }

    [Fact]
    public void TryRead_KeepsThePayloadAsASlice_OfTheBytes()
    {
        byte[] json = Encoding.UTF8.GetBytes(Json(Some.Message with { Payload = "{ \"x\" : 1e400 }"u8.ToArray() }));
        var message = Read(json);
        Assert.True(System.Runtime.InteropServices.MemoryMarshal.TryGetArray(message.Payload, out var slice));
        Assert.Same(json, slice.Array);
    }

    [Fact]
    public void TryRead_ResolvesTheGroup_GivenNone()
    {
        byte[] json = Encoding.UTF8.GetBytes(Json(Some.Message with { GroupId = default }));
        Assert.True(MessageReader.TryRead(json, Some.Client, Some.OtherGroup, out var message, out _));
        Assert.Equal(Some.OtherGroup, message.GroupId);
        Assert.True(MessageReader.TryRead(json, Some.Client, default, out message, out _));
        Assert.True(message.GroupId.IsEmpty);
    }

    [Fact]
    public void TryRead_KeepsTheGroup_GivenOne()
    {
        byte[] json = Encoding.UTF8.GetBytes(Json(Some.Message));
        Assert.True(MessageReader.TryRead(json, Some.Client, Some.OtherGroup, out var message, out _));
        Assert.Equal(Some.Group, message.GroupId);
    }

    [Theory]
    [InlineData("aether")]
    [InlineData("\\u0061ether")]
    public void TryRead_AcceptsTheServerAsSender_BecauseInstancesForwardItsMessages(string from)
    {
        string json = Json(Some.Message).Replace("\"c1\"", "\"" + from + "\"", StringComparison.Ordinal);
        var message = Read(Encoding.UTF8.GetBytes(json), client: default);
        Assert.Equal(VisionId.Server, message.FromId);
    }

    [Fact]
    public void TryRead_ReadsAnotherSender_BecauseTheValidatorJudgesWhoSent()
    {
        var message = Read(Encoding.UTF8.GetBytes(Json(Some.Message with { FromId = Some.OtherClient })));
        Assert.Equal(Some.OtherClient, message.FromId);
    }

    [Fact]
    public void TryRead_ReadsBackWhatWasWritten_GivenAnyMessage() =>
        Generated.Message.Sample(
            written =>
            {
                var read = Read(MessageWriter.Write(written), written.FromId);
                Assert.Equal(written with { Payload = default }, read with { Payload = default });
                Assert.True(written.Payload.Span.SequenceEqual(read.Payload.Span));
            },
            iter: 3_000,
            print: Json);

    [Fact]
    public void TryRead_NeverThrowsAndNeverGuesses_GivenMutations()
    {
        int accepted = 0;
        var changed = Gen.Select(Gen.Int, Gen.Int, Gen.Int).Array[1, 4];
        Gen.Select(Generated.Message, Generated.Message, changed, Gen.Int[0, 5])
            .Sample(
                (one, other, changes, kind) =>
                {
                    byte[] bytes = Mutate(MessageWriter.Write(one), MessageWriter.Write(other), changes, kind);
                    if (!MessageReader.TryRead(bytes, Some.Client, Some.Group, out var message, out var error))
                    {
                        AssertFitsCloseFrame(error);
                        return;
                    }
                    Interlocked.Increment(ref accepted);
                    byte[] canonical = MessageWriter.Write(message);
                    var again = Read(canonical);
                    Assert.Equal(message with { Payload = default }, again with { Payload = default });
                    Assert.True(message.Payload.Span.SequenceEqual(again.Payload.Span));
                    Assert.Equal(canonical, MessageWriter.Write(again));
                },
                iter: 6_000,
                threads: 1);
        // Mutations that only ever broke the JSON would prove nothing of what is accepted.
        Assert.True(accepted > 100, $"{accepted} mutated messages were accepted");
    }

    [Fact]
    public void TryRead_RefusesInItsOwnWords_GivenAMarkerAnywhere()
    {
        const string marker = "xMARKERx";
        const string json = "\"" + marker + "\"";
        var wrong = Gen.OneOf(
            json, $"\"{marker}*\"", $"[{json}]", $"{{{json}:{json}}}", marker, $"\"{marker}", $"\"{marker}\\ud83d\"",
            $"\"{marker}\n\"", $"{{{json}:1,}}", $"\"\\u{marker}\"");
        string[] sound = [.. Fields.Select(field => field switch
        {
            "version" => "\"3\"",
            "msg_type" => "\"msg\"",
            "target" => "\"group\"",
            "from_id" => "\"c1\"",
            "payload" => "{" + json + ":" + json + "}",
            "sent_at" => "\"2026-01-02T03:04:05Z\"",
            "id" or "reply_to" or "cmd" or "msg" => json,
            "to_role" => "\"worker\"",
            _ => "null",
        })];
        var member = Gen.Select(Gen.Int[0, Fields.Length - 1], Gen.Frequency((6, Gen.Const("")), (1, wrong)))
            .Select(pair => $"\"{Fields[pair.Item1]}\":{(pair.Item2.Length == 0 ? sound[pair.Item1] : pair.Item2)}");
        var unknown = wrong.Select(value => $"{json}:{value}");
        var tail = Gen.OneOf("", marker, json, "{" + json + ":1}", "," + json);
        int refused = 0;
        Gen.Select(Gen.Frequency((8, member), (1, unknown)).Array[0, 14], tail).Sample((members, rest) =>
        {
            byte[] bytes = Encoding.UTF8.GetBytes("{" + string.Join(",", members) + "}" + rest);
            if (MessageReader.TryRead(bytes, Some.Client, Some.Group, out _, out var error))
                return;
            Interlocked.Increment(ref refused);
            Assert.DoesNotContain("MARKER", error.ToString(), StringComparison.OrdinalIgnoreCase);
            Assert.Contains(error.Field, Fields.Append("message"));
            AssertFitsCloseFrame(error);
        }, iter: 4_000);
        Assert.True(refused > 1_000, $"{refused} messages were refused");
    }

    private static byte[] Mutate(byte[] bytes, byte[] other, (int, int, int)[] changes, int kind)
    {
        var mutated = new List<byte>(bytes);
        foreach (var (first, second, third) in changes)
        {
            if (mutated.Count == 0)
                break;
            int at = (first & int.MaxValue) % mutated.Count;
            int length = Math.Min((second & int.MaxValue) % 16, mutated.Count - at);
            switch (kind)
            {
                case 0:
                    mutated[at] ^= (byte)(1 << (third & 7));
                    break;
                case 1:
                    mutated.RemoveRange(at, mutated.Count - at);
                    break;
                case 2:
                    mutated.RemoveRange(at, length);
                    break;
                case 3:
                    mutated.InsertRange(at, mutated.GetRange(at, length));
                    break;
                case 4:
                    int from = (third & int.MaxValue) % other.Length;
                    mutated.InsertRange(at, other[from..Math.Min(other.Length, from + length)]);
                    break;
                default:
                    mutated[at] = (byte)third;
                    break;
            }
        }
        return [.. mutated];
    }

    private static Message Read(byte[] json, VisionId? client = null)
    {
        bool read = MessageReader.TryRead(json, client ?? Some.Client, Some.Group, out var message, out var error);
        Assert.True(read, error.ToString());
        return message!;
    }

    private static string Json(Message message) => Encoding.UTF8.GetString(MessageWriter.Write(message));

    private static void AssertFitsCloseFrame(MessageError error) =>
        Assert.InRange(Encoding.UTF8.GetByteCount(error.ToString()), 1, CloseReason.MaxTextBytes);
}
