namespace Aether.Domain;

/// <summary>What a message is.</summary>
public enum MessageType
{
    /// <summary>Something said.</summary>
    Msg,

    /// <summary>Something to be done; <see cref="Message.Cmd"/> says what.</summary>
    Cmd,

    /// <summary>A sign of life.</summary>
    Heartbeat,

    /// <summary>Who is there, and in what state.</summary>
    Presence,
}

/// <summary>Whom a message is for.</summary>
public enum Target
{
    /// <summary>The connections of one client.</summary>
    Direct,

    /// <summary>Every connection of a group.</summary>
    Group,

    /// <summary>Every connection there is.</summary>
    Broadcast,

    /// <summary>The connection that sent it.</summary>
    Echo,
}

/// <summary>
/// One V3 message. It owns its bytes: whoever holds a message may keep it. The source of the shape is the protocol's
/// section 2.
/// </summary>
public sealed record Message
{
    /// <summary>What the message is.</summary>
    public required MessageType Type { get; init; }

    /// <summary>Whom it is for.</summary>
    public required Target Target { get; init; }

    /// <summary>Who sent it.</summary>
    public required VisionId FromId { get; init; }

    /// <summary>The receiver of a direct message; empty where there is none.</summary>
    public VisionId ToId { get; init; }

    /// <summary>The group it is scoped to; empty only in messages from outside that name none.</summary>
    public VisionId GroupId { get; init; }

    /// <summary>The command, at most 256 characters.</summary>
    public string? Cmd { get; init; }

    /// <summary>Text for people.</summary>
    public string? Msg { get; init; }

    /// <summary>A JSON object in UTF-8, as its sender wrote it.</summary>
    public required ReadOnlyMemory<byte> Payload { get; init; }

    /// <summary>When its sender sent it, by the sender's clock, in UTC.</summary>
    public required DateTime SentAt { get; init; }

    /// <summary>The sender's name for this message; one that has it is acknowledged.</summary>
    public string? Id { get; init; }

    /// <summary>The <see cref="Id"/> of the message that this one answers.</summary>
    public string? ReplyTo { get; init; }
}
