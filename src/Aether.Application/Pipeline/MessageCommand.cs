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
        // One rule for both, since each costs something for every message.
        RuleFor(command => command.Message.FromId).Custom(static (from, context) =>
        {
            var (sender, message) = (context.InstanceToValidate.Sender, context.InstanceToValidate.Message);
            if (!sender.ClientId.IsEmpty && from != sender.ClientId)
                context.AddFailure(Invalid("from_id", "must be the connection's own client id"));
            else if (from == VisionId.Server && message.Type == MessageType.Presence)
                context.AddFailure(Invalid("msg_type", "must not be presence as from aether, which is nowhere present"));
            else if (from == VisionId.Server && ServerCommands.Contains(message.Cmd))
                context.AddFailure(Invalid("cmd", "must not be one that only the server itself says as aether"));
        });
        RuleFor(command => command.Message.GroupId)
            .Must((command, group) => command.Sender.Reaches(group))
            .WithErrorCode(ErrorCode.Forbidden.Name)
            .OverridePropertyName("group_id")
            .WithMessage("sending to another group needs the permission cross_group");
    }

    private static ValidationFailure Invalid(string field, string rule) =>
        new(field, rule) { ErrorCode = ErrorCode.InvalidMessage.Name };
}
