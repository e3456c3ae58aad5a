using Aether.Api.Access;
using Aether.Api.WebSockets;
using Aether.Application;
using Aether.Application.Delivery;
using Aether.Domain;
using Microsoft.Extensions.Options;

namespace Aether.Api.Legacy;

/// <summary>
/// <c>GET /ws/group/{group_id}/client/{client_id}</c>, as V1 and V2 clients know it. It asks for no credential, since
/// they have none, unless <c>Legacy:RequireKey</c> is on. <c>Legacy:Enabled</c> turns it off.
/// </summary>
internal sealed class LegacyEndpoint(
    ConnectionServices services,
    ConnectionRegistry registry,
    LegacyReceivers receivers,
    DeliveryLoops loops,
    Credentials credentials,
    HostUsers users,
    Origins origins,
    IOptions<RealtimeOptions> options)
{
    /// <summary>The route of the endpoint.</summary>
    public const string Route = "/ws/group/{group_id}/client/{client_id}";

    private static readonly Grant NotAsked = new("", Domain.Access.Full);

    private const int RetryAfterSeconds = 5;

    private readonly bool requireKey = options.Value.Legacy.RequireKey;

    /// <summary>Serves one request.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        if (!VisionId.TryParse(context.GetRouteValue("group_id") as string, out var group))
            await Problems.BadRequestAsync(context, "group_id", VisionId.Rule).ConfigureAwait(false);
        else if (!VisionId.TryParse(context.GetRouteValue("client_id") as string, out var client))
            await Problems.BadRequestAsync(context, "client_id", VisionId.Rule).ConfigureAwait(false);
        else if (await FindAsync(context, group, client).ConfigureAwait(false) is not ({ } grant, var keyAsked))
            return;
        else if (origins.Refuse(context, keyAsked) is { } why)
            await Problems.Forbidden(why).ExecuteAsync(context).ConfigureAwait(false);
        else if (!grant.IsOf(client))
            await Problems.Forbidden(Grant.OfAnother, "client_id").ExecuteAsync(context).ConfigureAwait(false);
        else if (!grant.Access.Covers(group))
            await Problems.Forbidden(Credentials.NotForThisGroup).ExecuteAsync(context).ConfigureAwait(false);
        else if (!context.WebSockets.IsWebSocketRequest)
        {
            context.Response.Headers.Upgrade = "websocket";
            await Problems.WriteAsync(
                context, StatusCodes.Status426UpgradeRequired, "Upgrade required", "this is a WebSocket endpoint")
                .ConfigureAwait(false);
        }
        else
        {
            await ConnectAsync(
                context,
                new LegacyConnection(services, client, group, requireKey ? grant : null, loops.Next(), context.Abort))
                .ConfigureAwait(false);
        }
    }

    /// <returns>No grant: the request has been answered.</returns>
    private async ValueTask<(Grant? Grant, bool KeyAsked)> FindAsync(HttpContext context, VisionId group, VisionId client)
    {
        if (!requireKey)
            return (NotAsked, false);
        if (users.AreAsked(context.Request))
        {
            var user = await users.FindAsync(context, group, client).ConfigureAwait(false);
            if (user.Grant is null)
                await user.Refusal.ExecuteAsync(context).ConfigureAwait(false);
            return (user.Grant, false);
        }
        var found = await credentials.FindAsync(context.Request).ConfigureAwait(false);
        if (found.Grant is null)
            await credentials.Refuse(found).ExecuteAsync(context).ConfigureAwait(false);
        return (found.Grant, credentials.Required);
    }

    // A browser takes no answer that chooses none of its offers, and a credential is never chosen.
    private static string? SubprotocolOf(HttpContext context) =>
        context.WebSockets.WebSocketRequestedProtocols.Contains(Subprotocols.Legacy) ? Subprotocols.Legacy : null;

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
            // The credential may have been taken away since it was looked at, when nobody who closes connections saw this one.
            if (!connection.IsGranted(credentials))
            {
                await credentials.Refuse().ExecuteAsync(context).ConfigureAwait(false);
                return;
            }
            if (!await receivers.AttachAsync(connection, context.RequestAborted).ConfigureAwait(false))
            {
                await Problems.UnavailableAsync(context, Problems.NoBackplane, RetryAfterSeconds)
                    .ConfigureAwait(false);
                return;
            }
            try
            {
                await SocketUpgrade.ServeAsync(
                    context, connection, SubprotocolOf(context), first: null, () => Task.CompletedTask, services)
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
