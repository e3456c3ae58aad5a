using System.Text.Json;
using Aether.Domain;

namespace Aether.Application.Wire;

/// <summary>Writes what a connection may do, and until when.</summary>
internal static class AccessWriter
{
    /// <summary>Writes <c>permissions</c>, and <c>expires_at</c> if there is an end, into the object that is open.</summary>
    public static void Write(Utf8JsonWriter writer, Permissions permissions, DateTime? expiresAt)
    {
        writer.WriteStartArray("permissions"u8);
        if (permissions.HasFlag(Permissions.Broadcast))
            writer.WriteStringValue("broadcast"u8);
        if (permissions.HasFlag(Permissions.CrossGroup))
            writer.WriteStringValue("cross_group"u8);
        if (permissions.HasFlag(Permissions.Admin))
            writer.WriteStringValue("admin"u8);
        writer.WriteEndArray();
        WriteEnd(writer, expiresAt);
    }

    /// <summary>Writes <c>expires_at</c>, if there is an end.</summary>
    public static void WriteEnd(Utf8JsonWriter writer, DateTime? expiresAt)
    {
        if (expiresAt is { } end)
            writer.WriteString("expires_at"u8, end);
    }
}
