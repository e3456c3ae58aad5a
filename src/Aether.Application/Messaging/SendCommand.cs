using Aether.Application.Ports;
using Aether.Domain;
using FluentValidation;
using MediatR;

namespace Aether.Application.Messaging;

/// <summary>A command that one message became.</summary>
public interface ISendCommand : IRequest<Outcome>
{
    /// <summary>On whose behalf.</summary>
    Sender Sender { get; }

    /// <summary>The message.</summary>
    Message Message { get; }
}

/// <summary>
/// What holds for every message, whatever its target. The reader has checked the message itself; here is what needs to
/// know who sent it.
/// </summary>
/// <typeparam name="TCommand">The command.</typeparam>
public abstract class SendCommandValidator<TCommand> : AbstractValidator<TCommand>
    where TCommand : ISendCommand
{
    /// <summary>Adds the common rules; the first one that is broken is the one that is told.</summary>
    protected SendCommandValidator()
    {
        RuleLevelCascadeMode = CascadeMode.Stop;
        ClassLevelCascadeMode = CascadeMode.Stop;
        RuleFor(command => command.Message.FromId)
            .Must((command, from) => command.Sender.ClientId.IsEmpty || from == command.Sender.ClientId)
            .WithErrorCode(ErrorCode.InvalidMessage.Name)
            .OverridePropertyName("from_id")
            .WithMessage("must be the connection's own client id");
        RuleFor(command => command.Message.GroupId)
            .Must((command, group) => command.Sender.Reaches(group))
            .WithErrorCode(ErrorCode.Forbidden.Name)
            .OverridePropertyName("group_id")
            .WithMessage("sending to another group needs the permission cross_group");
    }
}

/// <summary>What a publish means for the command that asked for it.</summary>
internal static class PublishResults
{
    public static Outcome ToOutcome(this PublishResult result) =>
        result.Accepted ? Outcome.Published(result.Instances) : Outcome.Rejected(Rejection.BackplaneUnavailable);
}
