using System.Text.Json.Serialization;
using Microsoft.AspNetCore.SignalR;

namespace Aether.Peers.SignalR;

/// <summary>What the load driver sends: a stamp, and letters to make it as long as asked for.</summary>
/// <param name="M">The stamp.</param>
/// <param name="Pad">The letters.</param>
public sealed record Payload(string M, string Pad);

/// <summary>What clients are told.</summary>
public interface IMessageClient
{
    /// <summary>A message has come.</summary>
    Task Message(Payload payload);
}

/// <summary>Groups and direct messages, as SignalR has them.</summary>
public sealed class MessageHub : Hub<IMessageClient>
{
    /// <summary>Hears a group from now on.</summary>
    public Task Join(string group) => Groups.AddToGroupAsync(Context.ConnectionId, group);

    /// <summary>Tells a group.</summary>
    public Task SendToGroup(string group, Payload payload) => Clients.Group(group).Message(payload);

    /// <summary>Tells one client, wherever it is connected.</summary>
    public Task SendToClient(string client, Payload payload) => Clients.User(client).Message(payload);
}

/// <summary>A client's id is in its address; to SignalR it is the user.</summary>
public sealed class ClientIds : IUserIdProvider
{
    /// <inheritdoc/>
    public string? GetUserId(HubConnectionContext connection) =>
        connection.GetHttpContext()?.Request.Query["client"];
}

/// <summary>Serializers for <see cref="Payload"/>.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(Payload))]
[JsonSerializable(typeof(string))]
public sealed partial class PayloadJson : JsonSerializerContext;
