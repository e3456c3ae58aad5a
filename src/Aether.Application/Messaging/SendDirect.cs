using Aether.Application.Ports;
using Aether.Domain;
using FluentValidation;
using MediatR;

namespace Aether.Application.Messaging;

/// <summary>Sends a message to the connections of one client in the message's group.</summary>
/// <param name="Sender">On whose behalf.</param>
/// <param name="Message">The message, with its receiver and its group.</param>
public sealed record SendDirect(Sender Sender, Message Message) : ISendCommand;

/// <summary>A direct message needs a receiver.</summary>
public sealed class SendDirectValidator : SendCommandValidator<SendDirect>
{
    /// <summary>Adds the rule.</summary>
    public SendDirectValidator() =>
        RuleFor(command => command.Message.ToId)
            .Must(to => !to.IsEmpty)
            .WithErrorCode(ErrorCode.InvalidMessage.Name)
            .OverridePropertyName("to_id")
            .WithMessage("is required for target direct");
}

/// <summary>Publishes on the client's channel, and tells when nobody hears it.</summary>
public sealed class SendDirectHandler(IMessageBus bus) : IRequestHandler<SendDirect, Outcome>
{
    /// <inheritdoc/>
    public async Task<Outcome> Handle(SendDirect request, CancellationToken cancellationToken)
    {
        var message = request.Message;
        var result = await bus.PublishAsync(ChannelName.Client(message.ToId), message, cancellationToken)
            .ConfigureAwait(false);
        return result is { Accepted: true, Instances: 0 }
            ? Outcome.Rejected(Rejection.RecipientOffline)
            : result.ToOutcome();
    }
}
