using Aether.Application.Ports;
using Aether.Domain;

namespace Aether.Application.Wire;

/// <summary>A place in the stream of each channel that a connection hears; empty where there is none.</summary>
/// <param name="Group">In its group's.</param>
/// <param name="Client">In its client's.</param>
/// <param name="Broadcast">In the broadcast's.</param>
internal readonly record struct ChannelPositions(Position Group, Position Client, Position Broadcast)
{
    /// <summary>The place in the stream of a kind of channel.</summary>
    public Position Of(ChannelKind kind) => kind switch
    {
        ChannelKind.Group => Group,
        ChannelKind.Client => Client,
        ChannelKind.Broadcast => Broadcast,
        ChannelKind.Trace => default,
    };
}

/// <summary>What a connection asks for that was away.</summary>
/// <param name="After">The last position it has seen of each channel; empty: it does not ask for that channel.</param>
/// <param name="Rewind">So many of the last messages of its group, where it gives no position there; 0: none.</param>
internal readonly record struct ResumeRequest(ChannelPositions After, int Rewind = 0)
{
    /// <summary>The most messages that can be asked for without a position.</summary>
    public const int MaxRewind = 100;
}

/// <summary>What became of one channel that a connection asked for.</summary>
/// <param name="Count">How many messages it was sent.</param>
/// <param name="Lost">Why nothing of it could be sent; <see langword="null"/>: all of it was.</param>
internal readonly record struct RecoveredChannel(int Count, HistoryStatus? Lost);
