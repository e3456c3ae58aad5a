using Aether.Application.Messaging;
using Aether.Domain;
using MediatR;

namespace Aether.Application.Requests;

/// <summary>
/// What clients may ask the server itself: a name, and the command that answers it. A new request is a file of its own and
/// a line here.
/// </summary>
internal static class ServerRequests
{
    /// <summary>The command that answers a message to <c>aether</c>.</summary>
    public static IRequest<Outcome> From(Sender sender, Message message)
    {
        ArgumentNullException.ThrowIfNull(message);
        return message switch
        {
            { Id: null } => new RefuseRequest(sender, message, Refusals.WithoutId),
            { Cmd: "history.read" } => new ReadOwnHistory(sender, message),
            _ => new RefuseRequest(sender, message, Refusals.Unknown),
        };
    }
}
