using System.Text;
using Aether.Application;
using Aether.Application.Wire;
using Aether.Domain;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Aether.Tests.Unit;

public sealed class ServerMessagesTests
{
    private const string Start =
        """{"version":"3","msg_type":"cmd","target":"direct","from_id":"aether","to_id":"c1","group_id":"g1",""";

    private const string Now = "2026-07-08T09:10:11Z";

    private readonly ServerMessages messages =
        new(new FakeTimeProvider(new DateTimeOffset(2026, 7, 8, 9, 10, 11, TimeSpan.Zero)));

    [Fact]
    public void Ack_NamesTheMessage_GivenItsId() => AssertIs(
        $$"""
        "cmd":"ack","msg":null,"payload":{"status":"published","instances":2},"sent_at":"{{Now}}","reply_to":"m1"}
        """,
        messages.Ack(Some.Client, Some.Group, "m1", Outcome.Published(2)));

    [Fact]
    public void Error_HasCodeAndText_GivenARejection() => AssertIs(
        """
        "cmd":"error","msg":"no","payload":{"code":"forbidden","retryable":false,"field":"group_id"},
        """ + $"\"sent_at\":\"{Now}\"}}",
        messages.Error(Some.Client, Some.Group, new(ErrorCode.Forbidden, "no", "group_id"), id: null));

    [Fact]
    public void Error_SaysWhenToRetry_InWholeMillisecondsThatAreNotTooShort() => AssertIs(
        $$"""
        "cmd":"error","msg":"no","payload":{"code":"rate_limited","retryable":true,"retry_after_ms":2},
        """ + $"\"sent_at\":\"{Now}\",\"reply_to\":\"m1\"}}",
        messages.Error(
            Some.Client, Some.Group,
            new(ErrorCode.RateLimited, "no", RetryAfter: TimeSpan.FromMilliseconds(1.5)), "m1"));

    [Fact]
    public void Gap_SaysSinceWhen_GivenATime() => AssertIs(
        $$"""
        "cmd":"gap","msg":null,"payload":{"since":"2026-07-08T09:00:00Z","types":["cmd","msg","presence"]},"sent_at":"{{Now}}"}
        """,
        messages.Gap(Some.Client, Some.Group, new DateTime(2026, 7, 8, 9, 0, 0, DateTimeKind.Utc), GapTypes.All));

    [Fact]
    public void Ack_SaysWhereItIsKept_GivenAKeptMessageAndADuplicate()
    {
        AssertIs(
            $$"""
            "cmd":"ack","msg":null,"payload":{"status":"published","instances":2,"pos":"e1:7"},"sent_at":"{{Now}}","reply_to":"m1"}
            """,
            messages.Ack(Some.Client, Some.Group, "m1", Outcome.Kept(2, new Position("e1", 7))));
        AssertIs(
            $$"""
            "cmd":"ack","msg":null,"payload":{"status":"duplicate","instances":0,"pos":"e1:7"},"sent_at":"{{Now}}","reply_to":"m1"}
            """,
            messages.Ack(Some.Client, Some.Group, "m1", Outcome.Duplicate(new Position("e1", 7))));
    }

    [Fact]
    public void Gap_NamesTheTypes_InOneOrder() => AssertIs(
        $$"""
        "cmd":"gap","msg":null,"payload":{"since":"2026-07-08T09:00:00Z","types":["msg","presence"]},"sent_at":"{{Now}}"}
        """,
        messages.Gap(
            Some.Client, Some.Group, new DateTime(2026, 7, 8, 9, 0, 0, DateTimeKind.Utc),
            GapTypes.Presence | GapTypes.Msg));

    [Fact]
    public void Welcome_TellsTheLimits_GivenAll()
    {
        var welcome = new Welcome(
            "k1", "i1", TimeSpan.FromSeconds(30), 65_536, 1_000, 2_000, Permissions.Broadcast | Permissions.Admin);
        AssertIs(
            """
            "cmd":"welcome","msg":null,"payload":{"connection_id":"k1","instance_id":"i1",
            """
            + $"\"server_time\":\"{Now}\",\"heartbeat_interval_ms\":30000,\"max_message_bytes\":65536,"
            + """
            "rate_limit":{"per_second":1000,"burst":2000},"permissions":["broadcast","admin"]},
            """
            + $"\"sent_at\":\"{Now}\"}}",
            messages.Welcome(Some.Client, Some.Group, welcome));
    }

    [Fact]
    public void PresenceEvent_TellsTheReason_GivenOne()
    {
        var member = new Member(
            Some.Client, Role.Observer, "{}"u8.ToArray(), 0, DateTime.UnixEpoch, DateTime.UnixEpoch);
        Assert.Equal(
            """{"role":"observer","state":{},"connections":0,"reason":"lease"}""",
            Encoding.UTF8.GetString(messages.PresenceEvent(Some.Group, member, "leave", "lease").Payload.Span));
    }

    private static void AssertIs(string rest, Message message)
    {
        byte[] json = MessageWriter.Write(message);
        Assert.Equal(Start + rest, Encoding.UTF8.GetString(json));
        // Any instance must be able to read what another one says.
        Assert.True(MessageReader.TryRead(json, default, default, out _, out var error), error.ToString());
    }
}
