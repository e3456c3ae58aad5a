using System.Text;
using Aether.Load.Net;

namespace Aether.Load.Protocols;

/// <summary>
/// SignalR's JSON protocol, for the hub of <c>bench/peers/signalr</c>. One WebSocket message may hold several records, each
/// ended by a record separator. A client's id is its SignalR user.
/// </summary>
/// <param name="joinPublishers">Whether who sends to a group joins it too, as members do in Aether.</param>
internal sealed class SignalRProtocol(bool joinPublishers) : IProtocol
{
    private const char End = '\x1e';

    /// <inheritdoc/>
    public string Name => "signalr";

    /// <inheritdoc/>
    public bool PublishersAreMembers => joinPublishers;

    /// <inheritdoc/>
    /// <remarks>The server closes who says nothing for 30 s.</remarks>
    public string? KeepAlive => "{\"type\":6}" + End;

    /// <inheritdoc/>
    public string Path(Identity identity) => $"/hub?client={identity.ClientId}";

    /// <inheritdoc/>
    public IReadOnlyList<GreetingStep> Greeting(Identity identity)
    {
        var hello = new GreetingStep("{\"protocol\":\"json\",\"version\":1}" + End, "{}" + End);
        return identity.Joins
            ? [hello, new(Call("Join", "\"invocationId\":\"1\",", $"\"{identity.GroupId}\""), "\"invocationId\":\"1\"")]
            : [hello];
    }

    /// <inheritdoc/>
    public string GroupMessage(Identity sender, string payload) =>
        Call("SendToGroup", "", $"\"{sender.GroupId}\",{payload}");

    /// <inheritdoc/>
    public string DirectMessage(Identity sender, string to, string payload) =>
        Call("SendToClient", "", $"\"{to}\",{payload}");

    /// <inheritdoc/>
    /// <remarks>Pings may come; a completion only where something failed, since nothing is asked for.</remarks>
    public string? Fault(ReadOnlySpan<byte> message) =>
        message.SequenceEqual("{\"type\":6}\x1e"u8) ? null : Encoding.UTF8.GetString(message);

    private static string Call(string method, string id, string arguments) =>
        $"{{\"type\":1,{id}\"target\":\"{method}\",\"arguments\":[{arguments}]}}{End}";
}
