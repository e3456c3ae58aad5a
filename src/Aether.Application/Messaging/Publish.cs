using Aether.Application.History;
using Aether.Application.Leases;
using Aether.Application.Pipeline;
using Aether.Application.Ports;
using Aether.Domain;
using FluentValidation.Results;
using MediatR;

namespace Aether.Application.Messaging;

/// <summary>Sends a message to whomever its target names.</summary>
/// <param name="Sender">On whose behalf.</param>
/// <param name="Message">The message, with its group resolved.</param>
internal sealed record Publish(Sender Sender, Message Message) : IMessageCommand;

/// <summary>A broadcast needs the permission, and a direct message a receiver.</summary>
internal sealed class PublishValidator : MessageCommandValidator<Publish>
{
    /// <inheritdoc/>
    protected override ValidationFailure? FindBroken(Sender sender, Message message)
    {
        if (base.FindBroken(sender, message) is { } broken)
            return broken;
        if (message.Target == Target.Broadcast && !sender.Access.Has(Permissions.Broadcast))
            return Broken(ErrorCode.Forbidden, "target", "target broadcast needs the permission broadcast");
        return message.Target == Target.Direct && message.ToId.IsEmpty
            ? Broken(ErrorCode.InvalidMessage, "to_id", "is required for target direct")
            : null;
    }
}

/// <summary>
/// Chooses the channel of a message, publishes it there, and has kept what is to be kept. An echo has none: it never leaves
/// the instance. Who is of a role is sorted out where it is delivered.
/// </summary>
internal sealed class PublishHandler(
    IMessageBus bus, DirectMessages? direct = null, KeptMessages? kept = null, LeaseGuard? guard = null)
    : IRequestHandler<Publish, Outcome>
{
    private readonly DirectMessages direct = direct ?? new DirectMessages(bus);
    private readonly LeaseGuard guard = guard ?? LeaseGuard.Closed;

    // By sender: what one says while its lease is asked for comes after that.
    private readonly SendOrder broadcasts = new();

    /// <inheritdoc/>
    public Task<Outcome> Handle(Publish request, CancellationToken cancellationToken)
    {
        var message = request.Message;
        return message.Target switch
        {
            // A lease of the group lies in the slot of its channel: bus and history look at it as they publish.
            Target.Group or Target.Role => SendAsync(ChannelName.Group(message.GroupId), message, cancellationToken),
            Target.Direct => direct.SendAsync(request.Sender, message, cancellationToken),
            Target.Broadcast => BroadcastAsync(message, cancellationToken),
            Target.Echo => EchoAsync(message, cancellationToken),
        };
    }

    private Task<Outcome> SendAsync(ChannelName channel, Message message, CancellationToken cancellationToken) =>
        kept is not null && kept.Keeps(message)
            ? kept.AppendAsync(channel, message, cancellationToken)
            : PublishAsync(channel, message, cancellationToken);

    private async Task<Outcome> PublishAsync(ChannelName channel, Message message, CancellationToken cancellationToken)
    {
        var result = await bus.PublishAsync(channel, message, cancellationToken).ConfigureAwait(false);
        return result.ToOutcome();
    }

    private Task<Outcome> BroadcastAsync(Message message, CancellationToken cancellationToken) =>
        message.Lease is null && !broadcasts.IsHeldUp(message.FromId)
            ? SendAsync(ChannelName.Broadcast, message, cancellationToken)
            : BroadcastInOrderAsync(broadcasts.Take(message.FromId), message, cancellationToken);

    private async Task<Outcome> BroadcastInOrderAsync(
        SendOrder.Ticket ticket, Message message, CancellationToken cancellationToken)
    {
        try
        {
            var refused = await guard.CheckAsync(message, cancellationToken).ConfigureAwait(false);
            await ticket.Ready.ConfigureAwait(false);
            var sending = refused is null
                ? SendAsync(ChannelName.Broadcast, message, cancellationToken)
                : RefuseAsync(message, refused, cancellationToken);
            ticket.End();
            return await sending.ConfigureAwait(false);
        }
        finally
        {
            ticket.End();
        }
    }

    private Task<Outcome> RefuseAsync(Message message, Rejection refused, CancellationToken cancellationToken) =>
        kept is not null && kept.Keeps(message)
            ? kept.RefuseAsync(ChannelName.Broadcast, message, refused, cancellationToken)
            : Task.FromResult(Outcome.Rejected(refused));

    private Task<Outcome> EchoAsync(Message message, CancellationToken cancellationToken) => message.Lease is null
        ? Task.FromResult(Outcome.Answered(message))
        : EchoUnderLeaseAsync(message, cancellationToken);

    private async Task<Outcome> EchoUnderLeaseAsync(Message message, CancellationToken cancellationToken)
    {
        var refused = await guard.CheckAsync(message, cancellationToken).ConfigureAwait(false);
        return refused is null ? Outcome.Answered(message) : Outcome.Rejected(refused);
    }
}
