using System.Runtime.CompilerServices;
using Aether.Domain;

namespace Aether.Application.Wire;

/// <summary>
/// How all that a message may say is spelled: each name stands here and nowhere else. Reader, writer, sizes and errors
/// go by this. What has no name here does not compile; a name that the schema, the documents or a client lacks fails a
/// test.
/// </summary>
internal static class WireNames
{
    /// <summary>The fields, in the order in which they are written.</summary>
    public static readonly NameTable<MessageField> Fields =
        new(static field => NameIn(Prefix(field)), Enum.GetValues<MessageField>());

    /// <summary>The types.</summary>
    public static readonly NameTable<MessageType> Types =
        new(static type => Unquoted(Of(type)), Enum.GetValues<MessageType>());

    /// <summary>The targets.</summary>
    public static readonly NameTable<Target> Targets =
        new(static target => Unquoted(Of(target)), Enum.GetValues<Target>());

    /// <summary>The roles that a client may have.</summary>
    public static readonly NameTable<Role> Roles = new(
        static role => Unquoted(Of(role)), [.. Enum.GetValues<Role>().Where(static role => role != Role.None)]);

    /// <summary>A field as it begins in a message: a comma, its name and a colon.</summary>
    // Put into its caller, where it mostly is the one constant that is asked for.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ReadOnlySpan<byte> Prefix(MessageField field) => field switch
    {
        MessageField.Version => ",\"version\":"u8,
        MessageField.MsgType => ",\"msg_type\":"u8,
        MessageField.Target => ",\"target\":"u8,
        MessageField.FromId => ",\"from_id\":"u8,
        MessageField.ToId => ",\"to_id\":"u8,
        MessageField.GroupId => ",\"group_id\":"u8,
        MessageField.Cmd => ",\"cmd\":"u8,
        MessageField.Msg => ",\"msg\":"u8,
        MessageField.Payload => ",\"payload\":"u8,
        MessageField.SentAt => ",\"sent_at\":"u8,
        MessageField.Id => ",\"id\":"u8,
        MessageField.ReplyTo => ",\"reply_to\":"u8,
        MessageField.ToRole => ",\"to_role\":"u8,
        MessageField.Lease => ",\"lease\":"u8,
        MessageField.Execution => ",\"execution\":"u8,
        MessageField.Pos => ",\"pos\":"u8,
    };

    /// <summary>Whether a message that lacks the field is none.</summary>
    public static bool IsRequired(MessageField field) => field switch
    {
        MessageField.MsgType or MessageField.Target or MessageField.FromId or MessageField.Payload
            or MessageField.SentAt => true,
        MessageField.Version or MessageField.ToId or MessageField.GroupId or MessageField.Cmd or MessageField.Msg
            or MessageField.Id or MessageField.ReplyTo or MessageField.ToRole or MessageField.Lease
            or MessageField.Execution or MessageField.Pos => false,
    };

    /// <summary>A type as a JSON string.</summary>
    public static ReadOnlySpan<byte> Of(MessageType type) => type switch
    {
        MessageType.Msg => "\"msg\""u8,
        MessageType.Cmd => "\"cmd\""u8,
        MessageType.Heartbeat => "\"heartbeat\""u8,
        MessageType.Presence => "\"presence\""u8,
    };

    /// <summary>A target as a JSON string.</summary>
    public static ReadOnlySpan<byte> Of(Target target) => target switch
    {
        Target.Direct => "\"direct\""u8,
        Target.Group => "\"group\""u8,
        Target.Broadcast => "\"broadcast\""u8,
        Target.Role => "\"role\""u8,
        Target.Echo => "\"echo\""u8,
    };

    /// <summary>A role as a JSON string; none is null.</summary>
    public static ReadOnlySpan<byte> Of(Role role) => role switch
    {
        Role.None => "null"u8,
        Role.Controller => "\"controller\""u8,
        Role.Worker => "\"worker\""u8,
        Role.Observer => "\"observer\""u8,
    };

    private static ReadOnlySpan<byte> NameIn(ReadOnlySpan<byte> prefix) => prefix[2..^2];

    private static ReadOnlySpan<byte> Unquoted(ReadOnlySpan<byte> json) => json[1..^1];
}

/// <summary>A field of a message.</summary>
internal enum MessageField : byte
{
    Version,
    MsgType,
    Target,
    FromId,
    ToId,
    GroupId,
    Cmd,
    Msg,
    Payload,
    SentAt,
    Id,
    ReplyTo,
    ToRole,
    Lease,
    Execution,
    Pos,
}
