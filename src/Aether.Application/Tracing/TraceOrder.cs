using System.Text.Json;
using Aether.Domain;

namespace Aether.Application.Tracing;

/// <summary>
/// What an instance whose operator traces a client tells all others: whom to tell of, where, and for how long. It says so
/// again and again, so that a trace whose instance died ends by itself.
/// </summary>
/// <param name="TraceId">The channel that the trace goes to. Nobody can guess it.</param>
/// <param name="GroupId">The client's group.</param>
/// <param name="ClientId">The client.</param>
/// <param name="Lease">For how long from now; zero ends it.</param>
internal sealed record TraceOrder(VisionId TraceId, VisionId GroupId, VisionId ClientId, TimeSpan Lease)
{
    /// <summary>The longest time that one order is good for.</summary>
    public static readonly TimeSpan MaxLease = TimeSpan.FromSeconds(30);

    /// <summary>Whether a message is one. It comes on the client's channel, as all that is about its connections.</summary>
    public static bool Is(ChannelName channel, Message message) =>
        channel.Kind == ChannelKind.Client
        && message.FromId == VisionId.Server
        && message.Cmd == ServerCommands.Trace;

    /// <summary>Reads it; <see langword="null"/> if it is not whole.</summary>
    public static TraceOrder? Of(Message message)
    {
        using var payload = JsonDocument.Parse(message.Payload);
        var root = payload.RootElement;
        if (message.GroupId.IsEmpty
            || message.ToId.IsEmpty
            || !root.TryGetProperty("trace_id"u8, out var id)
            || id.ValueKind != JsonValueKind.String
            || !VisionId.TryParse(id.GetString(), out var trace)
            || !root.TryGetProperty("for_ms"u8, out var time)
            || time.ValueKind != JsonValueKind.Number
            || !time.TryGetInt32(out int ms))
            return null;
        var lease = TimeSpan.FromMilliseconds(Math.Clamp(ms, 0, (int)MaxLease.TotalMilliseconds));
        return new TraceOrder(trace, message.GroupId, message.ToId, lease);
    }
}
