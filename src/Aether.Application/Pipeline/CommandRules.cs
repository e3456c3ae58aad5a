using System.Collections.Concurrent;
using FluentValidation;
using Microsoft.Extensions.DependencyInjection;

namespace Aether.Application.Pipeline;

/// <summary>Asks a command's validators ahead of the pipeline, for who must know whether the command will pass it.</summary>
internal sealed class CommandRules(IServiceProvider services)
{
    // They are singletons, so each is looked for once.
    private readonly ConcurrentDictionary<Type, IValidator[]> found = new();

    /// <summary>Finds the first rule that a command breaks.</summary>
    /// <returns><see langword="null"/> where it breaks none.</returns>
    public Rejection? Check(IMessageCommand command)
    {
        var validators = found.GetOrAdd(
            command.GetType(),
            static (type, from) =>
                [.. from.GetServices(typeof(IValidator<>).MakeGenericType(type)).Cast<IValidator>()],
            services);
        return validators
            .Select(validator => validator.Validate(new ValidationContext<object>(command)))
            .FirstOrDefault(result => !result.IsValid)
            ?.ToRejection();
    }
}
