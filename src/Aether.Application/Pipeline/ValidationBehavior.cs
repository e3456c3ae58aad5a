using Aether.Domain;
using FluentValidation;
using FluentValidation.Results;
using MediatR;

namespace Aether.Application.Pipeline;

/// <summary>
/// Lets a command through only if its validators do; otherwise the command is answered with the first rule it breaks.
/// It validates synchronously: a connection's commands reach the bus in the order in which their frames came.
/// </summary>
/// <typeparam name="TRequest">The command.</typeparam>
/// <typeparam name="TResponse">Its result.</typeparam>
internal sealed class ValidationBehavior<TRequest, TResponse>(IEnumerable<IValidator<TRequest>> validators)
    : IPipelineBehavior<TRequest, TResponse>
    where TRequest : IRequest<TResponse>
    where TResponse : IRejectable<TResponse>
{
    private readonly IValidator<TRequest>[] validators = [.. validators];

    /// <inheritdoc/>
    public Task<TResponse> Handle(
        TRequest request, CancellationToken cancellationToken, RequestHandlerDelegate<TResponse> next)
    {
        foreach (var validator in validators)
        {
            var result = validator.Validate(request);
            if (!result.IsValid)
                return Task.FromResult(TResponse.Rejected(result.ToRejection()));
        }
        return next();
    }
}

/// <summary>What a broken rule means for whoever asked.</summary>
internal static class ValidationResults
{
    /// <summary>Tells the first rule that is broken.</summary>
    public static Rejection ToRejection(this ValidationResult result)
    {
        var first = result.Errors[0];
        return new Rejection(ErrorCode.Parse(first.ErrorCode), first.ErrorMessage, first.PropertyName);
    }
}
