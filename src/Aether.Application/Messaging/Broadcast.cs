using Aether.Application.History;
using Aether.Application.Leases;
using Aether.Application.Pipeline;
using Aether.Application.Ports;
using Aether.Domain;
using FluentValidation;
using MediatR;

namespace Aether.Application.Messaging;

/// <summary>Sends a message to every connection of the platform.</summary>
/// <param name="Sender">On whose behalf.</param>
/// <param name="Message">The message.</param>
internal sealed record Broadcast(Sender Sender, Message Message) : ISendCommand;

/// <summary>A broadcast needs the permission.</summary>
internal sealed class BroadcastValidator : SendCommandValidator<Broadcast>
{
    /// <summary>Adds the rule.</summary>
    public BroadcastValidator() =>
        RuleFor(command => command.Sender)
            .Must(sender => sender.Access.Has(Permissions.Broadcast))
            .WithErrorCode(ErrorCode.Forbidden.Name)
            .OverridePropertyName("target")
            .WithMessage("target broadcast needs the permission broadcast");
}

/// <summary>Publishes on the one channel that every connection hears, and has kept what is to be kept.</summary>
internal sealed class BroadcastHandler(IMessageBus bus, KeptMessages? kept = null, LeaseGuard? guard = null)
    : IRequestHandler<Broadcast, Outcome>
{
    // By sender: what one says while its lease is asked for comes after that.
    private readonly DirectOrder order = new();

    /// <inheritdoc/>
    public Task<Outcome> Handle(Broadcast request, CancellationToken cancellationToken)
    {
        var message = request.Message;
        return message.Lease is null && !order.IsHeldUp(message.FromId)
            ? SendAsync(message, cancellationToken)
            : SendInTurnAsync(order.Take(message.FromId), message, cancellationToken);
    }

    private Task<Outcome> SendAsync(Message message, CancellationToken cancellationToken) =>
        kept is not null && kept.Keeps(message)
            ? kept.AppendAsync(ChannelName.Broadcast, message, cancellationToken)
            : PublishAsync(message, cancellationToken);

    private async Task<Outcome> SendInTurnAsync(
        DirectOrder.Turn turn, Message message, CancellationToken cancellationToken)
    {
        try
        {
            var refused = await (guard ?? LeaseGuard.Closed).CheckAsync(message, cancellationToken).ConfigureAwait(false);
            await turn.Before.ConfigureAwait(false);
            var sending = refused is null ? SendAsync(message, cancellationToken) : RefuseAsync(message, refused, cancellationToken);
            turn.End();
            return await sending.ConfigureAwait(false);
        }
        finally
        {
            turn.End();
        }
    }

    private Task<Outcome> RefuseAsync(Message message, Rejection refused, CancellationToken cancellationToken) =>
        kept is not null && kept.Keeps(message)
            ? kept.RefuseAsync(ChannelName.Broadcast, message, refused, cancellationToken)
            : Task.FromResult(Outcome.Rejected(refused));

    private async Task<Outcome> PublishAsync(Message message, CancellationToken cancellationToken)
    {
        var result = await bus.PublishAsync(ChannelName.Broadcast, message, cancellationToken)
            .ConfigureAwait(false);
        return result.ToOutcome();
    }
}
