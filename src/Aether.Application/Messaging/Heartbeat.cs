using Aether.Application.Pipeline;
using Aether.Application.Ports;
using Aether.Domain;
using MediatR;

namespace Aether.Application.Messaging;

/// <summary>A client says that it is alive; with target echo it hears the same back, and can time it.</summary>
/// <param name="Sender">On whose behalf.</param>
/// <param name="Message">The message.</param>
internal sealed record Heartbeat(Sender Sender, Message Message) : IMessageCommand;

/// <summary>Refreshes the sender's presence. Nothing is published.</summary>
internal sealed class HeartbeatHandler(IPresenceStore presence, TimeProvider time) : IRequestHandler<Heartbeat, Outcome>
{
    /// <inheritdoc/>
    public Task<Outcome> Handle(Heartbeat request, CancellationToken cancellationToken)
    {
        var (sender, message) = (request.Sender, request.Message);
        if (!sender.ClientId.IsEmpty)
            presence.Touch(sender.GroupId, sender.ClientId);
        return Task.FromResult(message.Target == Target.Echo
            ? Outcome.Answered(message with { SentAt = time.GetUtcNow().UtcDateTime })
            : Outcome.Done);
    }
}
