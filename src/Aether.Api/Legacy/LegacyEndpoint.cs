using Aether.Api.Access;
using Aether.Api.Http;
using Aether.Api.WebSockets;
using Aether.Application.Delivery;
using Aether.Domain;

namespace Aether.Api.Legacy;

/// <summary>
/// <c>GET /ws/group/{group_id}/client/{client_id}</c>, as V1 and V2 clients know it. It asks for no API key, since
/// they have none;
/// <c>Legacy:Enabled</c> turns it off.
/// </summary>
internal sealed class LegacyEndpoint(
    ConnectionServices services,
    ConnectionRegistry registry,
    LegacyReceivers receivers,
    DeliveryLoops loops,
    Origins origins)
{
    /// <summary>The route of the endpoint.</summary>
    public const string Route = "/ws/group/{group_id}/client/{client_id}";

    private const int RetryAfterSeconds = 5;

    /// <summary>Serves one request.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        if (!VisionId.TryParse(context.GetRouteValue("group_id") as string, out var group))
            await Problems.BadRequestAsync(context, "group_id", VisionId.Rule).ConfigureAwait(false);
        else if (!VisionId.TryParse(context.GetRouteValue("client_id") as string, out var client))
            await Problems.BadRequestAsync(context, "client_id", VisionId.Rule).ConfigureAwait(false);
        else if (!origins.Allows(context.Request))
        {
            await Problems.WriteAsync(
                context, StatusCodes.Status403Forbidden, "Forbidden", "this origin may not connect")
                .ConfigureAwait(false);
        }
        else if (!context.WebSockets.IsWebSocketRequest)
        {
            context.Response.Headers.Upgrade = "websocket";
            await Problems.WriteAsync(
                context, StatusCodes.Status426UpgradeRequired, "Upgrade required", "this is a WebSocket endpoint")
                .ConfigureAwait(false);
        }
        else
        {
            await ConnectAsync(context, new LegacyConnection(services, client, group, loops.Next(), context.Abort))
                .ConfigureAwait(false);
        }
    }

    private async Task ConnectAsync(HttpContext context, LegacyConnection connection)
    {
        if (!registry.TryAdd(connection))
        {
            await Problems.UnavailableAsync(context, "the instance is full or restarts", RetryAfterSeconds)
                .ConfigureAwait(false);
            return;
        }
        try
        {
            if (!await receivers.AttachAsync(connection, context.RequestAborted).ConfigureAwait(false))
            {
                await Problems.UnavailableAsync(context, "the backplane cannot be reached", RetryAfterSeconds)
                    .ConfigureAwait(false);
                return;
            }
            try
            {
                await SocketUpgrade.ServeAsync(
                    context, connection, subprotocol: null, first: null, () => Task.CompletedTask, services.Logger)
                    .ConfigureAwait(false);
            }
            finally
            {
                receivers.Detach(connection);
            }
        }
        finally
        {
            await connection.EndAsync().ConfigureAwait(false);
            registry.Remove(connection);
        }
    }
}
