using Aether.Application.Pipeline;
using Aether.Application.Presence;
using Aether.Application.Requests;
using Aether.Domain;
using MediatR;

namespace Aether.Application.Messaging;

/// <summary>Which command a message is. A new target is a file beside this one and a line here.</summary>
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
            MessageType.Msg or MessageType.Cmd => message.Target switch
            {
                Target.Group or Target.Role => new SendGroup(sender, message),
                Target.Direct when message.ToId == VisionId.Server => ServerRequests.From(sender, message),
                Target.Direct => new SendDirect(sender, message),
                Target.Broadcast => new Broadcast(sender, message),
                Target.Echo => new Echo(sender, message),
            },
        };
    }
}
