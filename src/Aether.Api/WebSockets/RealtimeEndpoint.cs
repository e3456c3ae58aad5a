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
    public async Task HandleAsync(HttpContext context)
    {
        var request = context.Request;
        // A browser tells a page nothing of a handshake that was refused; the page asks again, and reads this.
        CrossOrigin.AllowReadingRefusal(context.Response);
        if (!VisionId.TryParse(context.GetRouteValue("group_id") as string, out var group))
        {
            await Problems.BadRequestAsync(context, "group_id", VisionId.Rule).ConfigureAwait(false);
            return;
        }
        if (!VisionId.TryParse(context.GetRouteValue("client_id") as string, out var client))
        {
            await Problems.BadRequestAsync(context, "client_id", VisionId.Rule).ConfigureAwait(false);
            return;
        }
        if (!RoleNames.TryParse(request.Query["role"], out var role))
        {
            await Problems.BadRequestAsync(context, "role", "must be controller, worker or observer")
                .ConfigureAwait(false);
            return;
        }
        if ((string?)request.Query["echo"] is not (null or "on" or "off"))
        {
            await Problems.BadRequestAsync(context, "echo", "must be on or off").ConfigureAwait(false);
            return;
        }
        if (apiKeys.Find(request) is not { } grant)
        {
            await Problems.WriteAsync(
                context, StatusCodes.Status401Unauthorized, "Unauthorized", "a valid API key is needed, exactly once")
                .ConfigureAwait(false);
            return;
        }
        if (!origins.Allows(request))
        {
            await Problems.WriteAsync(
                context, StatusCodes.Status403Forbidden, "Forbidden", "this origin may not connect")
                .ConfigureAwait(false);
            return;
        }
        if (!grant.Access.Covers(group))
        {
            await Problems.WriteAsync(
                context, StatusCodes.Status403Forbidden, "Forbidden", "this API key is not good for this group")
                .ConfigureAwait(false);
            return;
        }
        if (!registry.HasRoom)
        {
            await Problems.UnavailableAsync(
                context, registry.Draining ? "the instance restarts" : "the instance is full", RetryAfterSeconds)
                .ConfigureAwait(false);
            return;
        }
        if (!bus.IsReady || !presence.IsReady)
        {
            await RefuseWithoutBackplaneAsync(context).ConfigureAwait(false);
            return;
        }
        if (!context.WebSockets.IsWebSocketRequest)
        {
            context.Response.Headers.Upgrade = "websocket";
            await Problems.WriteAsync(
                context, StatusCodes.Status426UpgradeRequired, "Upgrade required", "this is a WebSocket endpoint")
                .ConfigureAwait(false);
            return;
        }
        var profile = new Profile(
            Full: context.WebSockets.WebSocketRequestedProtocols.Contains(Subprotocols.Full),
            Echo: request.Query["echo"] != "off",
            role);
        await ConnectAsync(context, new Sender(client, group, grant.Access), profile, grant.Credential)
            .ConfigureAwait(false);
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
            // Both go to the backplane, and neither needs the other's answer.
            var joining = services.Mediator.Send(
                new Join(sender.GroupId, sender.ClientId, profile.Role), CancellationToken.None);
            bool attached = await hub.AttachAsync(connection, context.RequestAborted).ConfigureAwait(false);
            bool joined = (await joining.ConfigureAwait(false)).Rejection is null;
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
