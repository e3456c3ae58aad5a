using Aether.Application.Leases;
using Aether.Application.Pipeline;
using Aether.Application.Ports;
using Aether.Application.Presence;
using Aether.Domain;

namespace Aether.Application.History;

/// <summary>
/// Sends direct messages that are kept. Whether the recipient is in the message's group has to be known before: what its
/// sender is told went nowhere must not be read out of the stream later. Mostly it is known, and nothing waits; but whoever
/// names a lease is asked for that as well.
/// </summary>
internal sealed class KeptDirect(
    KeptMessages kept, Recipients recipients, SendOrder order, LeaseGuard? guard = null)
{
    /// <summary>Who waits for whom.</summary>
    internal SendOrder Order => order;

    /// <summary>Whether a message is kept.</summary>
    internal bool Keeps(Message message) => kept.Keeps(message);

    /// <summary>Sends a message, or has it wait for those before it; its place in the order is taken before this returns.</summary>
    internal Task<Outcome> SendAsync(Sender sender, Message message, CancellationToken cancellationToken)
    {
        bool isOwnGroup = message.GroupId == sender.GroupId;
        var finding = recipients.FindAsync(message.GroupId, message.ToId, isOwnGroup, cancellationToken);
        return message.Lease is null && finding.IsCompletedSuccessfully && !order.IsHeldUp(message.ToId)
            ? SendAsync(finding.Result, message, cancellationToken)
            : SendInOrderAsync(order.Take(message.ToId), finding, message, cancellationToken);
    }

    private async Task<Outcome> SendInOrderAsync(
        SendOrder.Ticket ticket, ValueTask<ClientPlaces> finding, Message message, CancellationToken cancellationToken)
    {
        try
        {
            var checking = (guard ?? LeaseGuard.Closed).CheckAsync(message, cancellationToken);
            var places = await finding.ConfigureAwait(false);
            var refused = await checking.ConfigureAwait(false);
            await ticket.Ready.ConfigureAwait(false);
            var sending = refused is null
                ? SendAsync(places, message, cancellationToken)
                : kept.RefuseAsync(ChannelName.Client(message.ToId), message, refused, cancellationToken);
            // Begun is enough: what is begun in order is published in order.
            ticket.End();
            return await sending.ConfigureAwait(false);
        }
        finally
        {
            ticket.End();
        }
    }

    private Task<Outcome> SendAsync(ClientPlaces places, Message message, CancellationToken cancellationToken)
    {
        var channel = ChannelName.Client(message.ToId);
        return places.Known switch
        {
            PlacesKnown.Unavailable => Task.FromResult(Outcome.Rejected(Rejection.PresenceUnavailable)),
            // It may be sent again, and have been kept while its recipient was still there.
            PlacesKnown.Known when places is { Instances: 0, Elsewhere: false } =>
                kept.FindAsync(channel, message, cancellationToken),
            _ => AppendAsync(places, channel, message, cancellationToken),
        };
    }

    private async Task<Outcome> AppendAsync(
        ClientPlaces places, ChannelName channel, Message message, CancellationToken cancellationToken)
    {
        var outcome = await kept.AppendAsync(channel, message, cancellationToken).ConfigureAwait(false);
        return outcome is { Rejection: null, IsDuplicate: false }
            ? Outcome.Kept(places.AtMost(outcome.Instances), outcome.Position)
            : outcome;
    }
}
