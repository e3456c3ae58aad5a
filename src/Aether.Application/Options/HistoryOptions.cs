using Aether.Domain;

namespace Aether.Application;

/// <summary>Which messages are kept for those who were away for a moment, and for how long.</summary>
public sealed class HistoryOptions
{
    /// <summary>
    /// The types that are kept: <c>cmd</c>, <c>msg</c>. Not set: <c>cmd</c>. Empty: nothing is kept.
    /// </summary>
    public IList<string>? Types { get; set; }

    /// <summary>How many messages a channel keeps.</summary>
    public int Messages { get; set; } = 1_000;

    /// <summary>For how long a message is kept, and for how long one with an id is known when it comes again.</summary>
    public Duration Ttl { get; set; } = Duration.FromSeconds(300);

    /// <summary>
    /// For how long after its last message a channel's position is remembered. At least <see cref="Ttl"/>.
    /// </summary>
    public Duration Remember { get; set; } = Duration.FromSeconds(86_400);

    /// <summary>Whether anything is kept.</summary>
    public bool KeepsAny() => Types is not { Count: 0 };

    /// <summary>Whether messages of a type are kept.</summary>
    public bool Keeps(MessageType type) => type switch
    {
        MessageType.Cmd => Types?.Contains("cmd") ?? true,
        MessageType.Msg => Types?.Contains("msg") ?? false,
        MessageType.Heartbeat or MessageType.Presence => false,
    };
}
