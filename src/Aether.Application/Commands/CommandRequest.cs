using Aether.Domain;
using FluentValidation;

namespace Aether.Application.Commands;

/// <summary>Something that is asked about commands of a group.</summary>
internal interface ICommandRequest
{
    /// <summary>The group.</summary>
    VisionId GroupId { get; }
}

/// <summary>
/// What holds for each: there is a group. One that has further rules derives its validator from this one; every other
/// has this one.
/// </summary>
/// <typeparam name="TRequest">The request.</typeparam>
internal class CommandRequestValidator<TRequest> : AbstractValidator<TRequest>
    where TRequest : ICommandRequest
{
    /// <summary>Adds the common rule; the first one that is broken is the one that is told.</summary>
    public CommandRequestValidator()
    {
        ClassLevelCascadeMode = CascadeMode.Stop;
        RuleFor(request => request.GroupId).Must(id => !id.IsEmpty)
            .WithErrorCode(ErrorCode.InvalidMessage.Name).OverridePropertyName("group_id").WithMessage("is required");
    }
}
