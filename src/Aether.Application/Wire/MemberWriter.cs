using System.Text.Json;
using Aether.Domain;

namespace Aether.Application.Wire;

/// <summary>Writes a member as JSON: one shape for events, for the roster frame and for the HTTP API.</summary>
internal static class MemberWriter
{
    /// <summary>Writes all fields of a member into the object that is open.</summary>
    public static void WriteMember(Utf8JsonWriter writer, Member member)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(member);
        writer.WriteString("client_id"u8, member.ClientId.Value);
        WriteStanding(writer, member);
        writer.WriteString("joined_at"u8, member.JoinedAt);
        writer.WriteString("last_seen"u8, member.LastSeen);
        WriteVersion(writer, member);
    }

    /// <summary>Writes what an event tells of a member: its role, its state, and how many connections it has.</summary>
    internal static void WriteStanding(Utf8JsonWriter writer, Member member)
    {
        WriteRole(writer, member.Role);
        writer.WritePropertyName("state"u8);
        writer.WriteRawValue(member.State.Span, skipInputValidation: true);
        writer.WriteNumber("connections"u8, member.Connections);
    }

    /// <summary>Writes the version, where there is one.</summary>
    internal static void WriteVersion(Utf8JsonWriter writer, Member member)
    {
        if (member.Version > 0)
            writer.WriteNumber("version"u8, member.Version);
    }

    internal static void WriteRole(Utf8JsonWriter writer, Role role)
    {
        if (role == Role.None)
            writer.WriteNull("role"u8);
        else
            writer.WriteString("role"u8, RoleNames.Of(role));
    }
}
