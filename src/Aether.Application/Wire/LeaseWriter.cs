using System.Text.Json;
using Aether.Application.Leases;

namespace Aether.Application.Wire;

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
}
