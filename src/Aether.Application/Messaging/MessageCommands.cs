using Aether.Application.Presence;
using Aether.Domain;
using MediatR;

namespace Aether.Application.Messaging;

/// <summary>Which command a message is. A new target is a file beside this one and a line here.</summary>
public static class MessageCommands
{
    /// <summary>The one command that carries out a message.</summary>
    public static IRequest<Outcome> From(Sender sender, Message message) => message switch
    {
        { Type: MessageType.Heartbeat } => new Heartbeat(sender, message),
        { Type: MessageType.Presence, Target: Target.Group } => new UpdateState(sender, message),
        { Type: MessageType.Presence } => new GetRoster(sender, message),
        { Target: Target.Group } => new SendGroup(sender, message),
        { Target: Target.Direct } => new SendDirect(sender, message),
        { Target: Target.Broadcast } => new Broadcast(sender, message),
        _ => new Echo(sender, message),
    };
}
