using Aether.Domain;
using FluentValidation;
using FluentValidation.Results;
using MediatR;

namespace Aether.Application.Pipeline;

/// <summary>A command that one message became.</summary>
internal interface IMessageCommand : IRequest<Outcome>
{
    /// <summary>On whose behalf.</summary>
    Sender Sender { get; }

    /// <summary>The message.</summary>
    Message Message { get; }
}

/// <summary>
/// What holds for every message, whatever its target. The reader has checked the message itself; here is what needs to
/// know who sent it. A command that has further rules derives its validator from this one; every other has this one.
/// </summary>
/// <typeparam name="TCommand">The command.</typeparam>
internal class MessageCommandValidator<TCommand> : AbstractValidator<TCommand>
    where TCommand : IMessageCommand
{
    /// <summary>Adds the common rules; the first one that is broken is the one that is told.</summary>
    public MessageCommandValidator()
    {
        RuleLevelCascadeMode = CascadeMode.Stop;
        ClassLevelCascadeMode = CascadeMode.Stop;
        // One rule for all of them, since each costs something for every message.
        RuleFor(command => command.Message).Custom((message, context) =>
        {
            if (FindBroken(context.InstanceToValidate.Sender, message) is { } broken)
                context.AddFailure(broken);
        });
    }

    /// <summary>Finds the first rule that a message breaks.</summary>
    /// <returns><see langword="null"/> if it breaks none.</returns>
    protected virtual ValidationFailure? FindBroken(Sender sender, Message message)
    {
        var from = message.FromId;
        if (!sender.ClientId.IsEmpty && from != sender.ClientId)
            return Broken(ErrorCode.InvalidMessage, "from_id", "must be the connection's own client id");
        if (from == VisionId.Server && message.Type == MessageType.Presence)
        {
            return Broken(
                ErrorCode.InvalidMessage, "msg_type", "must not be presence as from aether, which is nowhere present");
        }
        if (from == VisionId.Server && ServerCommands.Contains(message.Cmd))
        {
            return Broken(
                ErrorCode.InvalidMessage, "cmd", "must not be one that only the server itself says as aether");
        }
        return sender.Reaches(message.GroupId)
            ? null
            : Broken(ErrorCode.Forbidden, "group_id", "sending to another group needs the permission cross_group");
    }

    /// <summary>Says which rule is broken.</summary>
    protected static ValidationFailure Broken(ErrorCode code, string field, string rule) =>
        new(field, rule) { ErrorCode = code.Name };
}
