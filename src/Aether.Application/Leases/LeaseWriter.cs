using System.Text.Json;
using Aether.Application.Wire;
using Aether.Domain;

namespace Aether.Application.Leases;

/// <summary>Writes a lease as JSON: one shape for answers, events and the HTTP API.</summary>
internal static class LeaseWriter
{
    /// <summary>Writes <c>name</c>, <c>holder</c>, <c>term</c> and <c>expires_at</c> into the object that is open.</summary>
    public static void Write(Utf8JsonWriter writer, LeaseInfo lease)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(lease);
        writer.WriteString("name"u8, lease.Name.Value);
        if (lease.Holder is { } holder)
            writer.WriteString("holder"u8, holder.Value);
        else
            writer.WriteNull("holder"u8);
        writer.WriteNumber("term"u8, lease.Term);
        if (lease.ExpiresAt is { } end)
            writer.WriteString("expires_at"u8, end);
        else
            writer.WriteNull("expires_at"u8);
    }

    /// <summary>A lease as the payload of a message.</summary>
    public static ReadOnlyMemory<byte> Payload(LeaseInfo lease) => PayloadWriter.Write(writer => Write(writer, lease));

    /// <summary>A lease of a group went to somebody, or to nobody.</summary>
    public static Message LeaseEvent(this ServerMessages messages, VisionId group, LeaseInfo lease) =>
        messages.LeaseEvent(group, Payload(lease));
}
