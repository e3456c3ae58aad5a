namespace Aether.Application;

/// <summary>How frames are written to sockets.</summary>
public sealed class DeliveryOptions
{
    /// <summary>How many loops write. 0: one for every two cores.</summary>
    public int Loops { get; set; }

    /// <summary>
    /// How long frames of a hot group are held at most, to be written together. Hot: it has 32 receivers or more, and
    /// frames come 8 times or more in ten times this. 0: never. Quiet and small groups are never delayed.
    /// </summary>
    public Duration Coalesce { get; set; } = Duration.FromSeconds(0.001);

    /// <summary>
    /// Whether the transport runs its continuations where the socket became ready. It saves a hop per message and is
    /// safe for this server's own work; a host whose other endpoints block threads leaves it off.
    /// </summary>
    public bool InlineScheduling { get; set; }
}
