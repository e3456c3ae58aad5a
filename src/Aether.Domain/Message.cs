namespace Aether.Domain;

/// <summary>What a message is.</summary>
public enum MessageType : byte
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
public enum Target : byte
{
    /// <summary>The connections of one client.</summary>
    Direct,

    /// <summary>Every connection of a group.</summary>
    Group,

    /// <summary>Every connection there is.</summary>
    Broadcast,

    /// <summary>The connections of a group that have a role.</summary>
    Role,

    /// <summary>The connection that sent it.</summary>
    Echo,
}

/// <summary>
/// One V3 message. It owns its bytes: whoever holds a message may keep it. The source of the shape is the
/// protocol.
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

    /// <summary>The role that a message with target role is for; none where it names none.</summary>
    public Role ToRole { get; init; }

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
    public string? ReplyTo
    {
        get => more is Tail tail ? tail.ReplyTo : (string?)more;
        init => more = more is Tail tail ? tail with { ReplyTo = value } : value;
    }

    /// <summary>The channel that it travels through; none for an echo, which leaves no instance.</summary>
    internal ChannelName? Channel => Target switch
    {
        Target.Direct => ChannelName.Client(ToId),
        Target.Group or Target.Role => ChannelName.Group(GroupId),
        Target.Broadcast => ChannelName.Broadcast,
        Target.Echo => null,
    };

    /// <summary>The only group whose connections get it; empty: whoever hears its channel.</summary>
    public VisionId OnlyGroup => Target == Target.Direct ? GroupId : default;

    /// <summary>The only role whose connections get it; none: whatever role they have.</summary>
    public Role OnlyRole => Target == Target.Role ? ToRole : Role.None;

    /// <summary>Where it is kept; empty for a message that is not.</summary>
    public Position Position
    {
        get => more is Tail tail ? tail.Position : default;
        init => more = more is Tail tail ? tail with { Position = value }
            : value.IsEmpty ? more
            : new Tail((string?)more, value);
    }

    /// <summary>The lease that its sender says it holds; <see langword="null"/>: it says so of none.</summary>
    public LeaseClaim? Lease
    {
        get => more is LongTail tail ? tail.Lease : null;
        init => more = value is null && more is not LongTail ? more : Long with { Lease = value };
    }

    /// <summary>
    /// Which attempt of a command it is for its receiver; <see langword="null"/>: it is no part of a command.
    /// </summary>
    public ExecutionAttempt? Execution
    {
        get => more is LongTail tail ? tail.Execution : null;
        init => more = value is null && more is not LongTail ? more : Long with { Execution = value };
    }

    /// <summary>Whether it is for a connection that hears its channel.</summary>
    /// <param name="group">The connection's group.</param>
    /// <param name="role">The connection's role.</param>
    public bool IsFor(VisionId group, Role role) =>
        (OnlyGroup.IsEmpty || OnlyGroup == group) && (OnlyRole == Role.None || OnlyRole == role);

    // Four fields in one: most messages have at most the first, and are no larger for what only few have.
    private readonly object? more;

    private LongTail Long => more as LongTail ?? new LongTail(ReplyTo, Position);

    private record Tail(string? ReplyTo, Position Position);

    private sealed record LongTail(string? ReplyTo, Position Position) : Tail(ReplyTo, Position)
    {
        public LeaseClaim? Lease { get; init; }

        public ExecutionAttempt? Execution { get; init; }
    }
}
