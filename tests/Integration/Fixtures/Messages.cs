using System.Text;
using Aether.Domain;

namespace Aether.Tests.Integration.Fixtures;

/// <summary>Messages to publish.</summary>
internal static class Messages
{
    private static readonly DateTime SentAt = new(2026, 1, 2, 3, 4, 5, 678, DateTimeKind.Utc);

    public static VisionId Id(string text) => VisionId.Parse(text);

    public static Message ToGroup(string group, string? text = null, string payload = "{}") => new()
    {
        Type = MessageType.Msg,
        Target = Target.Group,
        FromId = Id("sender"),
        GroupId = Id(group),
        Msg = text,
        Payload = Encoding.UTF8.GetBytes(payload),
        SentAt = SentAt,
    };

    public static Message ToClient(string client, string? group, string? text = null) => new()
    {
        Type = MessageType.Msg,
        Target = Target.Direct,
        FromId = Id("sender"),
        ToId = Id(client),
        GroupId = group is null ? default : Id(group),
        Msg = text,
        Payload = "{}"u8.ToArray(),
        SentAt = SentAt,
    };

    public static Message ToAll(string? text = null) => new()
    {
        Type = MessageType.Msg,
        Target = Target.Broadcast,
        FromId = Id("sender"),
        GroupId = Id("g"),
        Msg = text,
        Payload = "{}"u8.ToArray(),
        SentAt = SentAt,
    };
}
