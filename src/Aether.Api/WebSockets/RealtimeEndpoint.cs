using Aether.Api.Access;
using Aether.Api.Http;
using Aether.Application.Delivery;
using Aether.Application.Messaging;
using Aether.Application.Ports;
using Aether.Application.Presence;
using Aether.Application.Wire;
using Aether.Domain;

namespace Aether.Api.WebSockets;

/// <summary>
/// <c>GET /v3/ws/group/{group_id}/client/{client_id}</c>: says no with a reason, or registers the connection, waits
/// until its subscriptions are live, upgrades and hands it to <see cref="ClientConnection"/>.
/// </summary>
internal sealed class RealtimeEndpoint(
    ConnectionServices services,
    ConnectionRegistry registry,
    Hub hub,
    DeliveryLoops loops,
    IMessageBus bus,
    IPresenceStore presence,
    ApiKeys apiKeys,
    Origins origins)
{
    /// <summary>The route of the endpoint.</summary>
    public const string Route = "/v3/ws/group/{group_id}/client/{client_id}";

    /// <summary>Every path that belongs to the endpoint, whether anything is there or not.</summary>
    public const string AnyRoute = "/v3/ws/{**path}";

    private const int RetryAfterSeconds = 5;

    /// <summary>
    /// How often a client should say that it is alive: half of the longest pause that the protocol suggests.
    /// </summary>
    private static readonly TimeSpan HeartbeatInterval = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Answers any other path below <c>/v3/ws</c>: an id that is empty or holds a slash ends up there.
    /// </summary>
    public static Task RefusePathAsync(HttpContext context)
    {
        CrossOrigin.AllowReadingRefusal(context.Response);
        return Problems.BadRequestAsync(
            context, "path", "must be " + Route + " with ids of 1 to 64 of A-Z a-z 0-9 _ -");
    }

    /// <summary>
    /// Answers any other method: a page that asks why it was refused may have to ask first whether it may send its key.
    /// </summary>
    public static Task RefuseMethodAsync(HttpContext context)
    {
        CrossOrigin.AllowReadingRefusal(context.Response);
        if (CrossOrigin.IsPreflight(context.Request))
        {
            CrossOrigin.AnswerPreflight(context.Response);
            return Task.CompletedTask;
        }
        context.Response.Headers.Allow = "GET";
        return Problems.WriteAsync(
            context, StatusCodes.Status405MethodNotAllowed, "Method not allowed", "here there is GET");
    }

    /// <summary>Serves one request.</summary>
    public Task HandleAsync(HttpContext context)
    {
        var request = context.Request;
        // A browser tells a page nothing of a handshake that was refused; the page asks again, and reads this.
        CrossOrigin.AllowReadingRefusal(context.Response);
        if (!VisionId.TryParse(context.GetRouteValue("group_id") as string, out var group))
            return Problems.BadRequestAsync(context, "group_id", VisionId.Rule);
        if (!VisionId.TryParse(context.GetRouteValue("client_id") as string, out var client))
            return Problems.BadRequestAsync(context, "client_id", VisionId.Rule);
        if (!RoleNames.TryParse(request.Query["role"], out var role))
            return Problems.BadRequestAsync(context, "role", "must be controller, worker or observer");
        if ((string?)request.Query["echo"] is not (null or "on" or "off"))
            return Problems.BadRequestAsync(context, "echo", "must be on or off");
        if (apiKeys.Find(request) is not { } grant)
        {
            return Problems.WriteAsync(
                context, StatusCodes.Status401Unauthorized, "Unauthorized", "a valid API key is needed, exactly once");
        }
        if (!origins.Allows(request))
        {
            return Problems.WriteAsync(
                context, StatusCodes.Status403Forbidden, "Forbidden", "this origin may not connect");
        }
        if (!grant.Access.Covers(group))
        {
            return Problems.WriteAsync(
                context, StatusCodes.Status403Forbidden, "Forbidden", "this API key is not good for this group");
        }
        if (!registry.HasRoom)
        {
            return Problems.UnavailableAsync(
                context, registry.Draining ? "the instance restarts" : "the instance is full", RetryAfterSeconds);
        }
        if (!bus.IsReady || !presence.IsReady)
            return RefuseWithoutBackplaneAsync(context);
        if (!context.WebSockets.IsWebSocketRequest)
        {
            context.Response.Headers.Upgrade = "websocket";
            return Problems.WriteAsync(
                context, StatusCodes.Status426UpgradeRequired, "Upgrade required", "this is a WebSocket endpoint");
        }
        var profile = new Profile(
            Full: context.WebSockets.WebSocketRequestedProtocols.Contains(Subprotocols.Full),
            Echo: request.Query["echo"] != "off",
            role);
        return ConnectAsync(context, new Sender(client, group, grant.Access), profile, grant.Credential);
    }

    private static Task RefuseWithoutBackplaneAsync(HttpContext context) =>
        Problems.UnavailableAsync(context, "the backplane cannot be reached", RetryAfterSeconds);

    private async Task ConnectAsync(HttpContext context, Sender sender, Profile profile, string credential)
    {
        var connection = new ClientConnection(services, sender, profile, credential, loops.Next(), context.Abort);
        if (!registry.TryAdd(connection))
        {
            await Problems.UnavailableAsync(context, "the instance is full or restarts", RetryAfterSeconds)
                .ConfigureAwait(false);
            return;
        }
        try
        {
            var (attached, joined) = await EnterAsync(connection, profile.Role, context.RequestAborted)
                .ConfigureAwait(false);
            try
            {
                if (attached && joined)
                    await ServeAsync(context, connection, profile).ConfigureAwait(false);
                else
                    await RefuseWithoutBackplaneAsync(context).ConfigureAwait(false);
            }
            finally
            {
                if (attached)
                    hub.Detach(connection);
                if (joined)
                    await services.Mediator.Send(new Leave(sender.GroupId, sender.ClientId), CancellationToken.None)
                        .ConfigureAwait(false);
            }
        }
        finally
        {
            await connection.EndAsync().ConfigureAwait(false);
            registry.Remove(connection);
        }
    }

    // Apart, so that a connection does not keep what it needed to get in.
    private async ValueTask<(bool Attached, bool Joined)> EnterAsync(
        ClientConnection connection, Role role, CancellationToken aborted)
    {
        // Both go to the backplane, and neither needs the other's answer.
        var joining = services.Mediator.Send(
            new Join(connection.GroupId, connection.ClientId, role), CancellationToken.None);
        bool attached = await hub.AttachAsync(connection, aborted).ConfigureAwait(false);
        return (attached, (await joining.ConfigureAwait(false)).Rejection is null);
    }

    private Task ServeAsync(HttpContext context, ClientConnection connection, Profile profile) =>
        SocketUpgrade.ServeAsync(
            context,
            connection,
            profile.Full ? Subprotocols.Full : null,
            profile.Full ? Welcome(connection) : null,
            () => ReplaceOthersAsync(connection),
            services.Logger);

    private Task ReplaceOthersAsync(ClientConnection connection) =>
        services.Limits.ReplaceDuplicates
            ? services.Mediator.Send(
                new Disconnect(connection.GroupId, connection.ClientId, connection.Id), CancellationToken.None)
            : Task.CompletedTask;

    private Frame Welcome(ClientConnection connection) => Frame.Of(services.Messages.Welcome(
        connection.ClientId,
        connection.GroupId,
        new Welcome(
            connection.Id,
            services.Instance.Id,
            HeartbeatInterval,
            services.Limits.MaxMessageBytes,
            services.Limits.RatePerSecond,
            services.Limits.RateBurst,
            connection.Sender.Access.Permissions)));
}
