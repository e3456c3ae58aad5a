using Aether.Application.Commands;
using Aether.Application.History;
using Aether.Application.Leases;
using Aether.Application.Pipeline;
using Aether.Application.Ports;
using Aether.Application.Presence;
using Aether.Domain;
using Aether.Domain.Commands;

namespace Aether.Application.Messaging;

/// <summary>
/// Publishes direct messages on their client's channel, and tells whether the client is in the message's group, to whoever asks: a message
/// with an id, or a caller that waits for the number. One that is to be kept is <see cref="KeptDirect"/>'s.
/// </summary>
internal sealed class DirectMessages(
    IMessageBus bus,
    Recipients? recipients = null,
    KeptDirect? kept = null,
    PlainReports? reports = null,
    LeaseGuard? guard = null)
{
    // Shared with what is kept: to one client there is one order.
    private readonly SendOrder order = kept?.Order ?? new SendOrder();

    /// <summary>Sends one; its place in the order is taken before this returns.</summary>
    public Task<Outcome> SendAsync(Sender sender, Message message, CancellationToken cancellationToken)
    {
        if (message.ReplyTo is null || reports is null || !PlainReports.MayBe(message, out var execution))
            return DeliverAsync(sender, message, cancellationToken);
        if (message.Lease is not null)
            return DeliverAndTakeAsync(reports, sender, message, execution, cancellationToken);
        reports.Take(message, execution, sender.ConnectionId);
        return DeliverAsync(sender, message, cancellationToken);
    }

    /// <summary>What is said under a lease that its sender does not hold is no report either.</summary>
    private async Task<Outcome> DeliverAndTakeAsync(
        PlainReports taker, Sender sender, Message message, ExecutionId execution, CancellationToken cancellationToken)
    {
        var outcome = await DeliverAsync(sender, message, cancellationToken).ConfigureAwait(false);
        // It counts also if the giver is gone.
        if (outcome.Rejection is null || outcome.Rejection.Code == ErrorCode.RecipientOffline)
            taker.Take(message, execution, sender.ConnectionId);
        return outcome;
    }

    private Task<Outcome> DeliverAsync(Sender sender, Message message, CancellationToken cancellationToken)
    {
        if (kept is not null && kept.Keeps(message))
            return kept.SendAsync(sender, message, cancellationToken);
        return message.Lease is null && !order.IsHeldUp(message.ToId)
            ? PublishAsync(sender, message, cancellationToken)
            : SendInOrderAsync(order.Take(message.ToId), sender, message, cancellationToken);
    }

    private async Task<Outcome> SendInOrderAsync(
        SendOrder.Ticket ticket, Sender sender, Message message, CancellationToken cancellationToken)
    {
        try
        {
            var refused = await (guard ?? LeaseGuard.Closed).CheckAsync(message, cancellationToken).ConfigureAwait(false);
            await ticket.Ready.ConfigureAwait(false);
            if (refused is not null)
                return Outcome.Rejected(refused);
            var sending = PublishAsync(sender, message, cancellationToken);
            ticket.End();
            return await sending.ConfigureAwait(false);
        }
        finally
        {
            ticket.End();
        }
    }

    private async Task<Outcome> PublishAsync(Sender sender, Message message, CancellationToken cancellationToken)
    {
        var publishing = bus.PublishAsync(ChannelName.Client(message.ToId), message, cancellationToken);
        bool isAsked = recipients is not null && (message.Id is not null || sender.ClientId.IsEmpty);
        // Behind the message and not in front of it, and without waiting for what becomes of it.
        var lookup = isAsked
            ? recipients!.Begin(
                message.GroupId, message.ToId, message.GroupId == sender.GroupId, cancellationToken)
            : null;
        var result = await publishing.ConfigureAwait(false);
        if (!result.Accepted)
            return result.ToOutcome();
        int instances = result.Instances;
        if (lookup is not null)
        {
            var places = await recipients!.EndAsync(lookup, instances, cancellationToken).ConfigureAwait(false);
            if (places.Known == PlacesKnown.Unavailable)
                return Outcome.Rejected(Rejection.PresenceUnavailable);
            instances = places.AtMost(instances);
        }
        return instances == 0 ? Outcome.Rejected(Rejection.RecipientOffline) : Outcome.Published(instances);
    }
}
