namespace Aether.Domain;

/// <summary>The kinds of channel that a message can travel through.</summary>
internal enum ChannelKind
{
    /// <summary>Heard by every connection.</summary>
    Broadcast,

    /// <summary>Heard by the connections of a group.</summary>
    Group,

    /// <summary>Heard by the connections of one client.</summary>
    Client,

    /// <summary>Heard by the one instance whose operator traces a client; no connection's.</summary>
    Trace,
}

/// <summary>
/// One granular channel. How it is spelled in a backplane is the adapter's business; that it holds a
/// <see cref="VisionId"/> makes sure that it is one channel and never a pattern of many.
/// </summary>
/// <param name="Kind">What kind of channel.</param>
/// <param name="Id">The group, the client or the trace; empty for the broadcast channel.</param>
internal readonly record struct ChannelName(ChannelKind Kind, VisionId Id)
{
    /// <summary>The channel that every connection hears.</summary>
    public static ChannelName Broadcast => default;

    /// <summary>The channel of a group.</summary>
    public static ChannelName Group(VisionId id) => new(ChannelKind.Group, id);

    /// <summary>The channel of a client.</summary>
    public static ChannelName Client(VisionId id) => new(ChannelKind.Client, id);

    /// <summary>The channel of one trace.</summary>
    public static ChannelName Trace(VisionId id) => new(ChannelKind.Trace, id);
}
