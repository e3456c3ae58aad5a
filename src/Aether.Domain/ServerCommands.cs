namespace Aether.Domain;

/// <summary>
/// The commands that only the server itself says, as <c>aether</c>. Whoever else may send as <c>aether</c> (the HTTP
/// API, the host's own code, another implementation on the same backplane) may not use them: a client acts on them
/// without a further question.
/// </summary>
internal static class ServerCommands
{
    /// <summary>The answer to a message that was taken.</summary>
    public const string Ack = "ack";

    /// <summary>The answer to a message that was not taken.</summary>
    public const string Error = "error";

    /// <summary>The first frame of the full profile.</summary>
    public const string Welcome = "welcome";

    /// <summary>Messages may have been missed.</summary>
    public const string Gap = "gap";

    /// <summary>What was missed has been sent.</summary>
    public const string Recovered = "recovered";

    /// <summary>The answer to what a client asked the server itself. A client says the same to another.</summary>
    public const string Reply = "reply";

    /// <summary>Many clients came to a large group or went.</summary>
    public const string Changes = "changes";

    /// <summary>Who holds a lease.</summary>
    public const string Lease = "lease";

    /// <summary>What changed in a command.</summary>
    public const string CommandEvent = "command.event";

    /// <summary>A member has to stop.</summary>
    public const string ExecutionCancel = "execution.cancel";

    /// <summary>A client's token ends soon.</summary>
    public const string Expiring = "auth.expiring";

    /// <summary>One instance tells the others which connections of a client have to go.</summary>
    public const string Disconnect = "aether.disconnect";

    /// <summary>One instance asks the others which role a client has, whose newest connection closed.</summary>
    public const string Role = "aether.role";

    /// <summary>One instance asks the others to tell what a client sends and is sent.</summary>
    public const string Trace = "aether.trace";

    /// <summary>What they tell it then.</summary>
    public const string Traced = "aether.traced";

    private static readonly string[] Families = ["aether.", "auth.", "command.", "execution."];

    /// <summary>Whether a command is one of them. Names are case-sensitive, as all of the protocol's are.</summary>
    public static bool Contains(string? cmd) =>
        cmd is Ack or Error or Welcome or Gap or Recovered or Changes or Lease
        || (cmd is not null && Array.Exists(Families, family => cmd.StartsWith(family, StringComparison.Ordinal)));

    /// <summary>
    /// Whether a message from a backplane can be true. Of what the server says itself, instances tell each other some
    /// things: who came to a large group and went, and who holds a lease, on the group's channel, and, on the client's,
    /// which connections of a client have to go, that its role is asked for, that it is traced and that it has to stop; then what it does, on the
    /// trace's. All else is between one instance and its own connections; on a backplane it is forged.
    /// </summary>
    public static bool MayComeFromAnInstance(Message message)
    {
        ArgumentNullException.ThrowIfNull(message);
        return message.FromId != VisionId.Server || message switch
        {
            { Type: MessageType.Presence } => message is { Target: Target.Group, Cmd: Changes or Lease },
            { Cmd: Disconnect or Role or Trace or Traced or ExecutionCancel } => message is { Type: MessageType.Cmd, Target: Target.Direct },
            _ => !Contains(message.Cmd),
        };
    }
}
