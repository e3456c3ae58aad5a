using Aether.Domain;
using FluentValidation;

namespace Aether.Application.Presence;

/// <summary>A command or query about one client of one group.</summary>
public interface IClientRequest
{
    /// <summary>The group.</summary>
    VisionId GroupId { get; }

    /// <summary>The client.</summary>
    VisionId ClientId { get; }
}

/// <summary>Who it is about, and where, must be known.</summary>
/// <typeparam name="TRequest">The command or query.</typeparam>
public abstract class ClientRequestValidator<TRequest> : AbstractValidator<TRequest>
    where TRequest : IClientRequest
{
    /// <summary>Adds the rules.</summary>
    protected ClientRequestValidator()
    {
        RuleFor(request => request.GroupId).Must(id => !id.IsEmpty)
            .WithErrorCode(ErrorCode.InvalidMessage.Name).OverridePropertyName("group_id").WithMessage("is required");
        RuleFor(request => request.ClientId).Must(id => !id.IsEmpty)
            .WithErrorCode(ErrorCode.InvalidMessage.Name).OverridePropertyName("client_id").WithMessage("is required");
    }
}
