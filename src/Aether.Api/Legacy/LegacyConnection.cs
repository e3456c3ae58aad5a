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
    private TokenBucket bucket;

    public LegacyConnection(
        ConnectionServices services, VisionId clientId, VisionId groupId, DeliveryLoop loop, Action abort)
        : base(services, clientId, groupId, new Profile(Full: false, Echo: true, Role.None), loop, abort) =>
        bucket = new TokenBucket(services.Limits.RateBurst, services.Clock.NowMs);

    /// <inheritdoc/>
    /// <remarks>V1 and V2 knew no keys.</remarks>
    public override bool IsGranted(ApiKeys keys) => true;

    /// <inheritdoc/>
    protected override async ValueTask TakeAsync(byte[] text)
    {
        var limits = Services.Limits;
        while (limits.RatePerSecond > 0
            && !bucket.TryTake(limits.RatePerSecond, limits.RateBurst, Services.Clock.NowMs))
        {
            var pause = TimeSpan.FromMilliseconds(bucket.MsToNext(limits.RatePerSecond));
            await Task.Delay(pause, Services.Time).ConfigureAwait(false);
        }
        var message = LegacyMessage.FromClient(GroupId, ClientId, text);
        await Services.Mediator.Send(new SendLegacy(message), CancellationToken.None).ConfigureAwait(false);
    }
}
