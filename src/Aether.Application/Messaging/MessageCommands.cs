using Aether.Application.Pipeline;
using Aether.Application.Presence;
using Aether.Application.Requests;
using Aether.Domain;
using MediatR;

namespace Aether.Application.Messaging;

/// <summary>Which command a message is.</summary>
internal static class MessageCommands
{
    /// <summary>The one command that carries out a message.</summary>
    public static IRequest<Outcome> From(Sender sender, Message message)
    {
        ArgumentNullException.ThrowIfNull(message);
        return message.Type switch
        {
            MessageType.Heartbeat => new Heartbeat(sender, message),
            MessageType.Presence when message.Target == Target.Group => new UpdateState(sender, message),
            MessageType.Presence => new GetRoster(sender, message),
            MessageType.Msg or MessageType.Cmd when message is { Target: Target.Direct } && message.ToId == VisionId.Server =>
                ServerRequests.From(sender, message),
            MessageType.Msg or MessageType.Cmd => new Publish(sender, message),
        };
    }
}
