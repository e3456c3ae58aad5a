using Aether.Application.Commands;
using Aether.Application.Pipeline;
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
            { Cmd: "reply" or "reply_error" } when PlainReports.MayBe(message, out var execution) =>
                new AnswerByHand(sender, message, execution),
            { Id: null } => new RefuseRequest(sender, message, Refusals.WithoutId),
            { Cmd: "history.read" } => new ReadOwnHistory(sender, message),
            _ when LeaseQuestion.Is(message.Cmd) => new AskLease(sender, message),
            { Cmd: "command.start" } => new StartOwnCommand(sender, message),
            { Cmd: "command.get" } => new GetCommand(sender, message),
            { Cmd: "command.list" } => new GetCommands(sender, message),
            { Cmd: "command.cancel" or "command.resume" or "command.retry" } => new ChangeCommand(sender, message),
            { Cmd: "command.watch" } => new WatchCommand(sender, message),
            { Cmd: RenewAccess.Name } => new RenewAccess(sender, message),
            { Cmd: "execution.update" } => new UpdateExecution(sender, message),
            _ => new RefuseRequest(sender, message, Refusals.Unknown),
        };
    }
}
