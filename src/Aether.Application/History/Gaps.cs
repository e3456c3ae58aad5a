using Aether.Application.Delivery;
using Aether.Application.Wire;

namespace Aether.Application.History;

/// <summary>Tells connections which types of messages may be missing.</summary>
internal static class Gaps
{
    /// <summary>Tells those of the full profile that hear a channel, behind what was put before them.</summary>
    /// <param name="loops">They write to the connections.</param>
    /// <param name="messages">What the server says.</param>
    /// <param name="channel">The channel.</param>
    /// <param name="since">Since when (UTC).</param>
    /// <param name="typesFor">The types that a connection may miss; none: it is told nothing.</param>
    public static void Tell(
        DeliveryLoops loops,
        ServerMessages messages,
        ChannelReceivers channel,
        DateTime since,
        Func<Connection, GapTypes> typesFor)
    {
        foreach (var loop in loops.All)
        {
            _ = loop.RunAfterAsync(() =>
            {
                foreach (var connection in channel.Of(loop).All)
                {
                    if (!connection.Full || typesFor(connection) is not (not GapTypes.None and var types))
                        continue;
                    connection.Write(Frame.Of(messages.Gap(connection.ClientId, connection.GroupId, since, types)));
                    loop.Touch(connection);
                }
            }).AsTask();
        }
    }
}
