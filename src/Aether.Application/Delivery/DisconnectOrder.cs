using System.Text.Json;
using Aether.Domain;

namespace Aether.Application.Delivery;

/// <summary>
/// What one instance tells the others about the connections of a client: all of them have to go, or one of them has
/// come to take the place of those before it.
/// </summary>
/// <param name="GroupId">The group that it is about.</param>
/// <param name="SupersededBy">The connection that stays; <see langword="null"/>: none does.</param>
internal sealed record DisconnectOrder(VisionId GroupId, string? SupersededBy)
{
    /// <summary>Reads the order that a message on a client's channel is, if it is one.</summary>
    public static DisconnectOrder? Of(ChannelName channel, Message message)
    {
        if (channel.Kind != ChannelKind.Client || message.Cmd != ServerCommands.Disconnect || message.FromId != VisionId.Server)
            return null;
        using var payload = JsonDocument.Parse(message.Payload);
        string? superseded = payload.RootElement.TryGetProperty("superseded_by", out var id)
            && id.ValueKind == JsonValueKind.String
            ? id.GetString()
            : null;
        return new DisconnectOrder(message.GroupId, superseded);
    }

    /// <summary>Carries it out on the connections of one loop; only in that loop.</summary>
    public void CarryOut(ReadOnlySpan<Connection> connections)
    {
        foreach (var connection in connections)
        {
            if (connection.GroupId != GroupId)
                continue;
            if (SupersededBy is null)
                connection.Close(CloseReason.Removed);
            else if (connection.Id == SupersededBy)
                connection.HasTakenOver = true;
            // Two that come at once both hear both orders, in one and the same order: the first order finds only the
            // first one in place, the second one closes it. By clocks, or by who subscribed first, both could close each
            // other.
            else if (connection.HasTakenOver)
                connection.Close(CloseReason.Superseded);
            else
                connection.IsPassed = true;
        }
    }
}
