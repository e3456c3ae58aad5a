using Aether.Application.Ports;
using Aether.Domain;
using MediatR;

namespace Aether.Application.Messaging;

/// <summary>Sends a message to every connection of its group.</summary>
/// <param name="Sender">On whose behalf.</param>
/// <param name="Message">The message, with its group resolved.</param>
public sealed record SendGroup(Sender Sender, Message Message) : ISendCommand;

/// <summary>A group message needs nothing beyond the common rules.</summary>
public sealed class SendGroupValidator : SendCommandValidator<SendGroup>;

/// <summary>Publishes on the group's channel.</summary>
public sealed class SendGroupHandler(IMessageBus bus) : IRequestHandler<SendGroup, Outcome>
{
    /// <inheritdoc/>
    public async Task<Outcome> Handle(SendGroup request, CancellationToken cancellationToken)
    {
        var message = request.Message;
        var result = await bus.PublishAsync(ChannelName.Group(message.GroupId), message, cancellationToken)
            .ConfigureAwait(false);
        return result.ToOutcome();
    }
}
