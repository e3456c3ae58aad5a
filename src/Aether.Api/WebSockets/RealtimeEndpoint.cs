using Aether.Api.Access;
using Aether.Application;
using Aether.Application.Commands;
using Aether.Application.Delivery;
using Aether.Application.FanOut;
using Aether.Application.Handlers;
using Aether.Application.History;
using Aether.Application.Pipeline;
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
    Credentials credentials,
    HostUsers users,
    Origins origins,
    HistoryServices history)
{
    /// <summary>The route of the endpoint.</summary>
    public const string Route = "/v3/ws/group/{group_id}/client/{client_id}";

    /// <summary>Every path that belongs to the endpoint, whether anything is there or not.</summary>
    public const string AnyRoute = "/v3/ws/{**path}";

    private const int RetryAfterSeconds = 5;

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
        // A browser tells a page nothing of a handshake that was refused; the page asks again, and reads this.
        CrossOrigin.AllowReadingRefusal(context.Response);
        if (Handshake.TryRead(context, out var handshake) is { } wrong)
            return Problems.BadRequestAsync(context, wrong.Field, wrong.Rule);
        if (users.AreAsked(context.Request))
            return AskUsersAsync(context, handshake);
        var finding = credentials.FindAsync(context.Request);
        return finding.IsCompletedSuccessfully
            ? AdmitFoundAsync(context, handshake, finding.Result)
            : AdmitOnceFoundAsync(context, handshake, finding);
    }

    private async Task AdmitOnceFoundAsync(HttpContext context, Handshake handshake, ValueTask<FoundGrant> finding) =>
        await AdmitFoundAsync(context, handshake, await finding.ConfigureAwait(false)).ConfigureAwait(false);

    private Task AdmitFoundAsync(HttpContext context, in Handshake handshake, FoundGrant found) => found.Grant is { } grant
        ? AdmitAsync(context, handshake, grant, keyAsked: credentials.Required)
        : credentials.Refuse(found).ExecuteAsync(context);

    private async Task AskUsersAsync(HttpContext context, Handshake handshake)
    {
        var user = await users.FindAsync(context, handshake.Group, handshake.Client).ConfigureAwait(false);
        if (user.Grant is not { } grant)
            await user.Refusal.ExecuteAsync(context).ConfigureAwait(false);
        else
            // A browser says who its user is on any page's behalf, so where the page comes from counts.
            await AdmitAsync(context, handshake, grant, keyAsked: false).ConfigureAwait(false);
    }

    private Task AdmitAsync(HttpContext context, in Handshake asked, Grant grant, bool keyAsked)
    {
        if (origins.Refuse(context, keyAsked) is { } why)
            return Problems.Forbidden(why).ExecuteAsync(context);
        if (!grant.IsOf(asked.Client))
            return Problems.Forbidden(Grant.OfAnother, "client_id").ExecuteAsync(context);
        if (!grant.Access.Covers(asked.Group))
            return Problems.Forbidden(Credentials.NotForThisGroup).ExecuteAsync(context);
        if (!asked.TryTake(grant.Role, out var handshake))
            return Problems.Forbidden("this role is not granted", "role").ExecuteAsync(context);
        if (!registry.HasRoom)
        {
            return Problems.UnavailableAsync(
                context, registry.Draining ? "the instance restarts" : "the instance is full", RetryAfterSeconds);
        }
        if (!bus.IsReady || !presence.IsReady)
            return RefuseWithoutBackplaneAsync(context);
        return services.Handlers is null
            ? UpgradeAsync(context, handshake, grant)
            : AskHandlersAsync(context, handshake, grant, services.Handlers);
    }

    private async Task AskHandlersAsync(
        HttpContext context, Handshake handshake, Grant grant, HandlerDispatcher handlers)
    {
        var connecting = handshake.Seen(id: "", grant.Access, context);
        if (await handlers.ConnectingAsync(connecting).ConfigureAwait(false) is { } rejection)
            await Problems.OfHost(context, rejection, RetryAfterSeconds).ExecuteAsync(context).ConfigureAwait(false);
        else
            await UpgradeAsync(context, handshake, grant).ConfigureAwait(false);
    }

    private Task UpgradeAsync(HttpContext context, in Handshake handshake, Grant grant)
    {
        if (!context.WebSockets.IsWebSocketRequest)
        {
            context.Response.Headers.Upgrade = "websocket";
            return Problems.WriteAsync(
                context, StatusCodes.Status426UpgradeRequired, "Upgrade required", "this is a WebSocket endpoint");
        }
        var sender = new Sender(handshake.Client, handshake.Group, grant.Access, handshake.Profile.Role)
        {
            Token = grant.Token,
        };
        var connection = new ClientConnection(
            services, sender, handshake.Profile, grant, loops.Next(), context.Abort);
        if (services.Handlers is not null)
            connection.Heard = handshake.Seen(connection.Id, grant.Access, context);
        return ConnectAsync(context, connection, handshake.Profile, handshake.Resume);
    }

    private static Task RefuseWithoutBackplaneAsync(HttpContext context, string why = Problems.NoBackplane) =>
        Problems.UnavailableAsync(context, why, RetryAfterSeconds);

    private async Task ConnectAsync(
        HttpContext context, ClientConnection connection, Profile profile, ResumeRequest resume)
    {
        if (!registry.TryAdd(connection))
        {
            await Problems.UnavailableAsync(context, "the instance is full or restarts", RetryAfterSeconds)
                .ConfigureAwait(false);
            return;
        }
        try
        {
            // It may have been taken away while the host was asked, when nobody who closes connections saw this one.
            if (!connection.IsGranted(credentials))
            {
                await credentials.Refuse().ExecuteAsync(context).ConfigureAwait(false);
                return;
            }
            var (attached, refusal) = await EnterAsync(connection, profile.Role, context.RequestAborted)
                .ConfigureAwait(false);
            try
            {
                if (attached && refusal is null && await TryResumeAsync(connection, resume).ConfigureAwait(false))
                    await ServeAsync(context, connection, profile).ConfigureAwait(false);
                else
                    await RefuseWithoutBackplaneAsync(context, refusal?.Text ?? Problems.NoBackplane)
                        .ConfigureAwait(false);
            }
            finally
            {
                if (attached)
                    hub.Detach(connection);
                connection.EndTies();
                if (refusal is null)
                    await services.Mediator
                        .Send(new Leave(connection.GroupId, connection.ClientId, profile.Role), CancellationToken.None)
                        .ConfigureAwait(false);
                // Behind all else, so that who is told finds the client gone; and before it leaves the registry, so that
                // the end of the instance waits for it.
                await connection.TellDisconnectedAsync().ConfigureAwait(false);
            }
        }
        finally
        {
            await connection.EndAsync().ConfigureAwait(false);
            registry.Remove(connection);
        }
    }

    // Apart, so that a connection does not keep what it needed to get in.
    private async ValueTask<(bool Attached, Rejection? Refusal)> EnterAsync(
        ClientConnection connection, Role role, CancellationToken aborted)
    {
        // Both go to the backplane, and neither needs the other's answer.
        var joining = services.Mediator.Send(
            new Join(connection.GroupId, connection.ClientId, role), CancellationToken.None);
        bool attached = await hub.AttachAsync(connection, aborted).ConfigureAwait(false);
        return (attached, (await joining.ConfigureAwait(false)).Rejection);
    }

    private Task ServeAsync(HttpContext context, ClientConnection connection, Profile profile) =>
        SocketUpgrade.ServeAsync(
            context,
            connection,
            profile.Full ? Subprotocols.Full : null,
            profile.Full ? Welcome(connection, connection.Positions) : null,
            () => TellOpenedAsync(connection),
            services);

    private Task TellOpenedAsync(ClientConnection connection)
    {
        // Nothing else waits for it: mostly there are none.
        services.Commands?.Runner.Run(services.Mediator.Send(
            new SendExecutionsAgain(
                connection.GroupId, connection.ClientId, connection.Sender.Role, () => !connection.HasLeft),
            CancellationToken.None));
        return connection.Heard is null
            ? ReplaceOthersAsync(connection)
            : Task.WhenAll(ReplaceOthersAsync(connection), connection.TellConnectedAsync());
    }

    private Task ReplaceOthersAsync(ClientConnection connection) =>
        services.Limits.ReplaceDuplicates
            ? TakeOver.BeginAsync(services, connection)
            : Task.CompletedTask;

    /// <summary>Reads what the connection missed, or the first of it; what comes live waits meanwhile.</summary>
    private async ValueTask<bool> TryResumeAsync(ClientConnection connection, ResumeRequest resume)
    {
        // Where nothing is kept nobody pays, except whoever asks for it.
        if (!history.Kept.IsOn && resume == default)
            return true;
        if (await Resumption.BeginAsync(hub, history, connection, resume).ConfigureAwait(false) is not { } missed)
            return false;
        connection.GoOnFrom(missed);
        return true;
    }

    private Frame Welcome(ClientConnection connection, ChannelPositions? positions) => Frame.Of(services.Messages.Welcome(
        connection.ClientId,
        connection.GroupId,
        new Welcome(
            connection.Id,
            services.Instance.Id,
            services.Limits.HeartbeatInterval,
            services.Limits.MaxMessageBytes,
            services.Limits.RatePerSecond,
            services.Limits.RateBurst,
            connection.Sender.Access.Permissions,
            positions,
            positions is null ? null : history.Kept.Limits,
            connection.ExpiresAt)));
}
