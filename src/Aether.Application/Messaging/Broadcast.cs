using Aether.Application.Ports;
using Aether.Domain;
using FluentValidation;
using MediatR;

namespace Aether.Application.Messaging;

/// <summary>Sends a message to every connection of the platform.</summary>
/// <param name="Sender">On whose behalf.</param>
/// <param name="Message">The message.</param>
public sealed record Broadcast(Sender Sender, Message Message) : ISendCommand;

/// <summary>A broadcast needs the permission.</summary>
public sealed class BroadcastValidator : SendCommandValidator<Broadcast>
{
    /// <summary>Adds the rule.</summary>
    public BroadcastValidator() =>
        RuleFor(command => command.Sender)
            .Must(sender => sender.Access.Has(Permissions.Broadcast))
            .WithErrorCode(ErrorCode.Forbidden.Name)
            .OverridePropertyName("target")
            .WithMessage("target broadcast needs the permission broadcast");
}

/// <summary>Publishes on the one channel that every connection hears.</summary>
public sealed class BroadcastHandler(IMessageBus bus) : IRequestHandler<Broadcast, Outcome>
{
    /// <inheritdoc/>
    public async Task<Outcome> Handle(Broadcast request, CancellationToken cancellationToken)
    {
        var result = await bus.PublishAsync(ChannelName.Broadcast, request.Message, cancellationToken)
            .ConfigureAwait(false);
        return result.ToOutcome();
    }
}
