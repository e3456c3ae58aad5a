using System.Text.Json;
using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Domain;

namespace Aether.Application.Presence;

/// <summary>
/// Hears what is told of who is present on the channels of this instance's groups, so that this instance tells nothing
/// that is older, contradicts what is not true, and believes no longer what was true before.
/// </summary>
internal sealed class PresenceListener(
    PresenceAnnouncer announcer, IPresenceStore presence, Recipients? recipients = null)
{
    /// <summary>Takes a presence event that was heard on a group's channel.</summary>
    public void Hear(VisionId group, Message message)
    {
        ArgumentNullException.ThrowIfNull(message);
        switch (message.Cmd)
        {
            case ServerCommands.Lease when message.FromId == VisionId.Server:
                return;
            case "join" or "leave":
                recipients?.Forget(group, message.FromId);
                break;
            case ServerCommands.Changes:
                recipients?.Forget(group);
                break;
        }
        bool leaves = message.Cmd is "leave" or ServerCommands.Changes;
        // Most of what is heard is of no interest here, and is not read.
        if (!leaves && !announcer.IsGathering(group))
            return;
        using var payload = JsonDocument.Parse(message.Payload);
        var root = payload.RootElement;
        if (message.Cmd == ServerCommands.Changes)
        {
            foreach (var one in List(root, "left"))
                Heard(group, Client(one), one, left: true);
            if (!announcer.IsGathering(group))
                return;
            foreach (var one in List(root, "joined"))
                Heard(group, Client(one), one, left: false);
            return;
        }
        Heard(group, message.FromId, root, leaves, message.Cmd == "update" ? RoleOf(root) : null);
    }

    /// <summary>Takes another instance's question for a client's role, which no client gets.</summary>
    /// <returns>Whether the message was one.</returns>
    public bool TakeQuestion(ChannelName channel, Message message)
    {
        if (channel.Kind != ChannelKind.Client || message.Cmd != ServerCommands.Role || message.FromId != VisionId.Server)
            return false;
        presence.ToldRoleUnsaid(message.GroupId, channel.Id);
        return true;
    }

    private void Heard(VisionId group, VisionId client, JsonElement said, bool left, Role? stays = null)
    {
        // Other implementations give no version: then there is nothing to compare.
        if (client.IsEmpty || !said.TryGetProperty("version", out var element)
            || element.ValueKind != JsonValueKind.Number || !element.TryGetInt64(out long version))
            return;
        announcer.OnHeard(group, client, version, stays);
        if (left)
            presence.ToldGone(group, client, version);
    }

    // Anybody may have written it: what is no list of clients is an empty one.
    private static IEnumerable<JsonElement> List(JsonElement root, string name) =>
        root.TryGetProperty(name, out var list) && list.ValueKind == JsonValueKind.Array
            ? list.EnumerateArray().Where(static one => one.ValueKind == JsonValueKind.Object)
            : [];

    private static Role RoleOf(JsonElement one) =>
        one.TryGetProperty("role", out var name) && name.ValueKind == JsonValueKind.String
            && RoleNames.TryParse(name.GetString(), out var role) ? role : Role.None;

    private static VisionId Client(JsonElement one) =>
        one.TryGetProperty("client_id", out var id) && id.ValueKind == JsonValueKind.String
            && VisionId.TryParse(id.GetString(), out var client) ? client : default;
}
