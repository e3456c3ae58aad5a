using Aether.Domain;

namespace Aether.Application.History;

/// <summary>Knows the places of this instance in the streams of its channels.</summary>
internal interface IChannelPlaces
{
    /// <summary>How far this instance has come in a channel that it hears, where something is kept.</summary>
    ChannelPlace? PlaceOf(ChannelName channel);
}
