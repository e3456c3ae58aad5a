using Aether.Application.Delivery;
using Aether.Application.History;
using Aether.Domain;

namespace Aether.Application.FanOut;

/// <summary>
/// One channel that this instance hears, and how far its subscription is. But for the place, all that changes is guarded
/// by this object's lock.
/// </summary>
/// <param name="name">The channel.</param>
/// <param name="loops">How many loops there are.</param>
internal sealed class HubChannel(ChannelName name, int loops)
{
    public ChannelName Name => Receivers.Name;

    /// <summary>The connections that it is heard for.</summary>
    public ChannelReceivers Receivers { get; } = new(name, loops);

    /// <summary>How far this instance has come in what is kept of the channel, where something is.</summary>
    public ChannelPlace? Place { get; set; }

    /// <summary>How many connections it is heard for.</summary>
    public int Subscribers { get; private set; }

    /// <summary>Whether the bus is subscribed.</summary>
    public bool IsSubscribed { get; set; }

    /// <summary>The work of bringing the subscription in line with its subscribers, while it goes on.</summary>
    public Task<bool>? Reconciling { get; set; }

    /// <summary>Whether it was taken out of the hub; whoever still holds it has to look for a new one.</summary>
    public bool IsRetired { get; set; }

    /// <summary>A connection hears it from now on.</summary>
    public void Add(Connection connection)
    {
        Subscribers++;
        Receivers.Count(connection.Loop, 1);
        connection.Loop.Run(() => connection.Loop.Add(Receivers.Of(connection.Loop), connection));
    }

    /// <summary>A connection hears it no longer.</summary>
    public void Remove(Connection connection)
    {
        connection.Loop.Run(() => Receivers.Of(connection.Loop).Remove(connection));
        Subscribers--;
        Receivers.Count(connection.Loop, -1);
    }
}
