using System.Text;
using Aether.Load.Net;

namespace Aether.Load.Protocols;

/// <summary>V1 and V2: any text; a JSON object may say where it goes.</summary>
internal sealed class LegacyProtocol : IProtocol
{
    /// <inheritdoc/>
    public string Name => "legacy";

    /// <inheritdoc/>
    public bool PublishersAreMembers => true;

    /// <inheritdoc/>
    public string? KeepAlive => null;

    /// <inheritdoc/>
    public string Path(Identity identity) => $"/ws/group/{identity.GroupId}/client/{identity.ClientId}";

    /// <inheritdoc/>
    public IReadOnlyList<GreetingStep> Greeting(Identity identity) => [];

    /// <inheritdoc/>
    public string GroupMessage(Identity sender, string payload) =>
        $"{{\"target\":\"group\",\"group_id\":\"{sender.GroupId}\",\"from_id\":\"{sender.ClientId}\","
        + $"\"payload\":{payload}}}";

    /// <inheritdoc/>
    public string DirectMessage(Identity sender, string to, string payload) =>
        $"{{\"target\":\"direct\",\"to_id\":\"{to}\",\"from_id\":\"{sender.ClientId}\",\"payload\":{payload}}}";

    /// <inheritdoc/>
    public string? Fault(ReadOnlySpan<byte> message) => Encoding.UTF8.GetString(message);
}
