using System.Text;
using Aether.Application;
using Aether.Application.Messaging;
using Aether.Application.Wire;
using Aether.Domain;
using Aether.Domain.Commands;
using CsCheck;
using MediatR;
using NSubstitute;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>What one server accepts, every other one takes from the backplane: nothing is written much longer than it
/// was read.</summary>
public sealed class MessageSizeTests
{
    private static readonly VisionId Longest = VisionId.Parse(new string('x', VisionId.MaxLength));

    /// <summary>A message as short as it can be said; %cmd, %msg and %id stand for what a case is about.</summary>
    private static readonly string Shortest =
        """{"msg_type":"heartbeat","target":"broadcast","from_id":"%from","payload":{},"sent_at":"2026-01-02"%more}""";

    public static TheoryData<string> Characters =>
    [
        "\\b", "\\f", "\\n", "\\r", "\\t", "\\\"", "\\\\", "\\/", "/", "\\u0000", "\\u0001", "\\u001F", "\\u0008", "\\u000C",
        "\\u000a", "\\u002f", "\\u0022", "\\u005C", "\\u007f", "\u007f", "é", "\\u00e9", "語", "\\u8a9e", "😀", "\\ud83d\\ude00",
        "\\u2028", "\u2028", "\\ufeff", "<", "\\u003c", "+", "'", "a",
    ];

    [Theory]
    [MemberData(nameof(Characters))]
    public void Write_IsNoLongerThanWasRead_ButForTheEnvelope(string character)
    {
        string cmd = string.Concat(Enumerable.Repeat(character, MessageReader.MaxCmdLength));
        string msg = string.Concat(Enumerable.Repeat(character, 12_000));
        AssertGrowth($",\"cmd\":\"{cmd}\",\"msg\":\"{msg}\"");
    }

    [Fact]
    public void Write_IsNoLongerThanWasRead_GivenNothingThatMayBeLeftOut() => AssertGrowth("");

    [Fact]
    public void Write_IsNoLongerThanWasRead_GivenEveryField()
    {
        string id = new('~', MessageReader.MaxIdLength);
        AssertGrowth($",\"id\":\"{id}\",\"reply_to\":\"{id}\",\"to_id\":\"{Longest}\",\"group_id\":\"{Longest}\"");
        string quotes = string.Concat(Enumerable.Repeat("\\\"", MessageReader.MaxIdLength));
        AssertGrowth($",\"id\":\"{quotes}\",\"reply_to\":\"{quotes}\",\"msg\":null");
    }

    [Fact]
    public void Write_IsNoLongerThanWasRead_GivenAnyMessageInAnySpelling() =>
        Gen.Select(Generated.Message, Generated.Spelling, (message, spelling) => (message, spelling)).Sample(pair =>
        {
            byte[] spelled = Encoding.UTF8.GetBytes(pair.spelling(pair.message));
            byte[] written = Roundtrip(spelled, out var read);
            Assert.InRange(written.Length, 0, spelled.Length + MessageSize.MaxGrowth);
            Assert.True(pair.message.Payload.Span.SequenceEqual(read.Payload.Span));
            Assert.Equal(pair.message.Msg, read.Msg);
        }, iter: 3_000);

    [Fact]
    public void MaxGrowth_IsExactlyWhatTheLongestKindHas_BesideItsPayloadAndItsTexts()
    {
        var longest = new Position(new string('e', 16), 9_007_199_254_740_991);
        string id = new('~', MessageReader.MaxIdLength);
        var kinds =
            from type in WireNames.Types.Values
            from target in WireNames.Targets.Values
            from text in (string?[])[null, "", "four"]
            from name in (string?[])[null, "m", id]
            from who in (VisionId[])[default, Some.OtherClient, Longest]
            from role in Enum.GetValues<Role>()
            from at in (Position[])[default, longest]
            from part in (bool[])[false, true]
            select new Message
            {
                Type = type,
                Target = target,
                FromId = Longest,
                ToId = who,
                GroupId = who,
                Cmd = text,
                Msg = text,
                Payload = "{}"u8.ToArray(),
                SentAt = DateTime.MaxValue,
                Id = name,
                ReplyTo = name,
                ToRole = role,
                Position = at,
                Lease = part ? new LeaseClaim(Longest, 9_007_199_254_740_991) : null,
                Execution = part
                    ? new ExecutionAttempt(new string('c', ExecutionId.MaxCommandLength), 10, DateTime.MaxValue)
                    : null,
            };
        int most = 0;
        foreach (var message in kinds)
        {
            int written = MessageWriter.Write(message).Length;
            Assert.Equal(LengthOf(message), written);
            int texts = 2 * ((message.Msg?.Length ?? 0) + (message.Id?.Length ?? 0));
            most = Math.Max(most, written - message.Payload.Length - texts);
        }
        Assert.Equal(most, MessageSize.MaxGrowth);
    }

    [Fact]
    public void MaxPublished_IsWhatTheLongestAcceptedMessageMayBecome()
    {
        string start = Shortest.Replace("%from", Longest.Value, StringComparison.Ordinal)
            .Replace("%more", ",\"msg\":\"", StringComparison.Ordinal)[..^1];
        string longest = start + string.Concat(Enumerable.Repeat("\\b", (MessageSize.MaxAccepted - start.Length - 2) / 2))
            + "\"}";
        Assert.InRange(longest.Length, MessageSize.MaxAccepted - 1, MessageSize.MaxAccepted);
        Assert.InRange(Roundtrip(Encoding.UTF8.GetBytes(longest), out _).Length, 0, MessageSize.MaxPublished);
    }

    [Theory]
    [InlineData(MessageSize.MaxAccepted, false)]
    [InlineData(MessageSize.MaxAccepted - 1_000, true)]
    public async Task Realtime_RefusesWhatNobodyWouldDeliver_GivenTheHostsText(int letters, bool sent)
    {
        var mediator = Substitute.For<IMediator>();
        mediator.Send(Arg.Any<IRequest<Outcome>>(), Arg.Any<CancellationToken>()).Returns(Outcome.Published(1));
        var realtime = new Realtime(mediator, watches: null!, TimeProvider.System);
        var message = new RealtimeMessage { Msg = new string('a', letters) };

        if (sent)
        {
            Assert.Null((await realtime.Broadcast(message, TestContext.Current.CancellationToken)).Rejection);
            return;
        }
        var refused = await Assert.ThrowsAsync<ArgumentException>(
            () => realtime.Broadcast(message, TestContext.Current.CancellationToken));
        Assert.Contains("at most 16777216 bytes", refused.Message, StringComparison.Ordinal);
    }

    /// <summary>The sum of a message's parts, as the table spells them: of texts that need no escape.</summary>
    private static int LengthOf(Message message)
    {
        // The braces, less the comma that the first field does not have.
        return 1 + WireNames.Fields.Values.Sum(
            field => LengthOf(message, field) is { } value ? WireNames.Prefix(field).Length + value : 0);
    }

    private static int? LengthOf(Message message, MessageField field) => field switch
    {
        MessageField.Version => "\"3\"".Length,
        MessageField.MsgType => WireNames.Types[message.Type].Length + 2,
        MessageField.Target => WireNames.Targets[message.Target].Length + 2,
        MessageField.FromId => IdOrNull(message.FromId),
        MessageField.ToId => IdOrNull(message.ToId),
        MessageField.GroupId => IdOrNull(message.GroupId),
        MessageField.Cmd => message.Cmd?.Length + 2 ?? "null".Length,
        MessageField.Msg => message.Msg?.Length + 2 ?? "null".Length,
        MessageField.Payload => message.Payload.Length,
        MessageField.SentAt => "\"9999-12-31T23:59:59.9999999Z\"".Length,
        MessageField.Id => message.Id?.Length + 2,
        MessageField.ReplyTo => message.ReplyTo?.Length + 2,
        MessageField.ToRole => message.ToRole == Role.None ? null : WireNames.Roles[message.ToRole].Length + 2,
        MessageField.Lease => message.Lease is { } lease
            ? $$"""{"name":"{{lease.Name}}","term":{{lease.Term}}}""".Length
            : null,
        MessageField.Execution => message.Execution is { } execution
            ? $$"""{"command_id":"{{execution.CommandId}}","attempt":{{execution.Attempt}},"deadline":"9999-12-31T23:59:59.9999999Z"}""".Length
            : null,
        MessageField.Pos => message.Position.IsEmpty ? null : message.Position.ToString().Length + 2,
    };

    private static int IdOrNull(VisionId id) => id.IsEmpty ? "null".Length : id.Value.Length + 2;

    private static void AssertGrowth(string more)
    {
        foreach (string from in (string[])["a", Longest.Value])
        {
            byte[] read = Encoding.UTF8.GetBytes(Shortest
                .Replace("%from", from, StringComparison.Ordinal).Replace("%more", more, StringComparison.Ordinal));
            Assert.InRange(Roundtrip(read, out _).Length, 0, read.Length + MessageSize.MaxGrowth);
        }
    }

    private static byte[] Roundtrip(byte[] json, out Message read)
    {
        // The group that is filled in is the longest.
        Assert.True(MessageReader.TryRead(json, default, Longest, out var message, out var error), error.ToString());
        read = message;
        return MessageWriter.Write(message);
    }
}
