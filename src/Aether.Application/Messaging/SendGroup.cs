using Aether.Application.History;
using Aether.Application.Pipeline;
using Aether.Application.Ports;
using Aether.Domain;
using MediatR;

namespace Aether.Application.Messaging;

/// <summary>Sends a message to the connections of its group, all of them or those of one role.</summary>
/// <param name="Sender">On whose behalf.</param>
/// <param name="Message">The message, with its group resolved.</param>
internal sealed record SendGroup(Sender Sender, Message Message) : ISendCommand;

/// <summary>
/// Publishes on the group's channel, and has kept what is to be kept. Who is of the role is sorted out where it is delivered.
/// </summary>
internal sealed class SendGroupHandler(IMessageBus bus, KeptMessages? kept = null) : IRequestHandler<SendGroup, Outcome>
{
    /// <inheritdoc/>
    public Task<Outcome> Handle(SendGroup request, CancellationToken cancellationToken)
    {
        var message = request.Message;
        return kept is not null && kept.Keeps(message)
            ? kept.AppendAsync(ChannelName.Group(message.GroupId), message, cancellationToken)
            : PublishAsync(message, cancellationToken);
    }

    private async Task<Outcome> PublishAsync(Message message, CancellationToken cancellationToken)
    {
        var result = await bus.PublishAsync(ChannelName.Group(message.GroupId), message, cancellationToken)
            .ConfigureAwait(false);
        return result.ToOutcome();
    }
}
