using System.Text.Json;
using Aether.Application.Ports;

namespace Aether.Application.Presence;

/// <summary>Writes groups and instances as JSON.</summary>
internal static class DirectoryWriter
{
    /// <summary>Writes <c>groups</c> and <c>total</c> into the object that is open.</summary>
    public static void WriteGroups(Utf8JsonWriter writer, GroupsPage page)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(page);
        writer.WriteStartArray("groups"u8);
        foreach (var group in page.Groups)
        {
            writer.WriteStartObject();
            writer.WriteString("group_id"u8, group.GroupId.Value);
            writer.WriteNumber("members"u8, group.Members);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
        writer.WriteNumber("total"u8, page.Total);
    }

    /// <summary>Writes <c>instances</c> and <c>total</c> into the object that is open.</summary>
    public static void WriteInstances(Utf8JsonWriter writer, IReadOnlyList<InstanceFacts> instances)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(instances);
        writer.WriteStartArray("instances"u8);
        foreach (var instance in instances)
        {
            writer.WriteStartObject();
            writer.WriteString("instance_id"u8, instance.InstanceId);
            writer.WriteString("version"u8, instance.Version);
            writer.WriteString("started_at"u8, instance.StartedAt);
            writer.WriteNumber("uptime_seconds"u8, (long)instance.Uptime.TotalSeconds);
            writer.WriteNumber("connections"u8, instance.Connections);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
        writer.WriteNumber("total"u8, instances.Count);
    }
}
