using System.Text;
using Aether.Load.Net;

namespace Aether.Load.Protocols;

/// <summary>V3, as a plain client speaks it. 101 means ready, so nothing is said first.</summary>
internal sealed class AetherProtocol : IProtocol
{
    /// <inheritdoc/>
    public string Name => "aether";

    /// <inheritdoc/>
    public bool PublishersAreMembers => true;

    /// <inheritdoc/>
    public string? KeepAlive => null; // the server pings

    /// <inheritdoc/>
    public string Path(Identity identity) => $"/v3/ws/group/{identity.GroupId}/client/{identity.ClientId}";

    /// <inheritdoc/>
    public IReadOnlyList<GreetingStep> Greeting(Identity identity) => [];

    /// <inheritdoc/>
    public string GroupMessage(Identity sender, string payload) => Message(sender, "group", "", payload);

    /// <inheritdoc/>
    public string DirectMessage(Identity sender, string to, string payload) =>
        Message(sender, "direct", $"\"to_id\":\"{to}\",", payload);

    /// <inheritdoc/>
    /// <remarks>A plain client that asks nothing gets routed messages and errors.</remarks>
    public string? Fault(ReadOnlySpan<byte> message) => Encoding.UTF8.GetString(message);

    private static string Message(Identity sender, string target, string to, string payload) =>
        $"{{\"version\":\"3\",\"msg_type\":\"msg\",\"target\":\"{target}\",\"from_id\":\"{sender.ClientId}\",{to}"
        + $"\"group_id\":\"{sender.GroupId}\",\"payload\":{payload},\"sent_at\":\"2026-01-01T00:00:00Z\"}}";
}
