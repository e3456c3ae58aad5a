using Aether.Api.Access;
using Aether.Api.WebSockets;
using Aether.Application.Delivery;
using Aether.Application.Legacy;
using Aether.Domain;

namespace Aether.Api.Legacy;

/// <summary>
/// A V1 or V2 client's connection: any text, without answers. There is no way to tell such a client that a message was
/// dropped, so one that sends too fast is read from more slowly instead.
/// </summary>
internal sealed class LegacyConnection : SocketConnection
{
    private readonly Grant? grant;

    /// <summary>Creates a connection that is not open yet.</summary>
    /// <param name="services">What every connection shares.</param>
    /// <param name="clientId">The client.</param>
    /// <param name="groupId">The group.</param>
    /// <param name="grant">What it showed to get in; <see langword="null"/>: it was not asked.</param>
    /// <param name="loop">The loop that writes to it.</param>
    /// <param name="abort">Ends the transport at once.</param>
    public LegacyConnection(
        ConnectionServices services,
        VisionId clientId,
        VisionId groupId,
        Grant? grant,
        DeliveryLoop loop,
        Action abort)
        : base(services, clientId, groupId, new Profile(Full: false, Echo: true, Role.None), loop, abort)
    {
        this.grant = grant;
        Term = TokenTerm.Of(grant?.Token, services);
    }

    /// <inheritdoc/>
    public override bool IsLegacy => true;

    /// <inheritdoc/>
    /// <remarks>V1 and V2 knew no keys, and are asked for one only where that is configured.</remarks>
    public override bool IsGranted(Credentials credentials) => grant is null || credentials.StillGrants(grant, GroupId);

    /// <inheritdoc/>
    protected override async ValueTask TakeAsync(byte[] text)
    {
        while (!TryTakeToken(Services.Clock.NowMs))
        {
            var pause = TimeSpan.FromMilliseconds(MsToNextToken());
            await Task.Delay(pause, Services.Time).ConfigureAwait(false);
        }
        if (LegacyMessage.FromClient(GroupId, ClientId, text) is not { } message)
            return;
        await Services.Mediator.Send(new SendLegacy(message), CancellationToken.None).ConfigureAwait(false);
    }
}
