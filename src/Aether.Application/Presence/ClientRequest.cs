using Aether.Domain;
using FluentValidation;

namespace Aether.Application.Presence;

/// <summary>A command or query about one client of one group.</summary>
internal interface IClientRequest
{
    /// <summary>The group.</summary>
    VisionId GroupId { get; }

    /// <summary>The client.</summary>
    VisionId ClientId { get; }
}

/// <summary>Who it is about, and where, must be known: the rules of each such request.</summary>
/// <typeparam name="TRequest">The command or query.</typeparam>
internal sealed class ClientRequestValidator<TRequest> : AbstractValidator<TRequest>
    where TRequest : IClientRequest
{
    /// <summary>Adds the rules.</summary>
    public ClientRequestValidator()
    {
        RuleFor(request => request.GroupId).Must(id => !id.IsEmpty)
            .WithErrorCode(ErrorCode.InvalidMessage.Name).OverridePropertyName("group_id").WithMessage("is required");
        RuleFor(request => request.ClientId).Must(id => !id.IsEmpty)
            .WithErrorCode(ErrorCode.InvalidMessage.Name).OverridePropertyName("client_id").WithMessage("is required");
    }
}
