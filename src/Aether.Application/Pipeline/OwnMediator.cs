using System.Collections.Concurrent;
using MediatR;
using Microsoft.Extensions.DependencyInjection;

namespace Aether.Application.Pipeline;

/// <summary>
/// The mediator that carries out the commands of this layer, beside whatever mediator the host has. A host's behaviours
/// are for its own requests: they may need a scope, and here there is none; and they would make every frame dearer.
/// </summary>
internal static class OwnMediator
{
    /// <summary>The key that it is registered by. The one without a key is the host's, if it has one.</summary>
    public const string Key = "Aether.Realtime";

    /// <summary>Creates it.</summary>
    public static IMediator Create(IServiceProvider services)
    {
        // Everything that it asks for is a singleton, so each is looked for once.
        var found = new ConcurrentDictionary<Type, object>();
        return new Mediator(type => found.GetOrAdd(
            type, static (wanted, from) => Behaviors(wanted, from) ?? from.GetRequiredService(wanted), services));
    }

    /// <summary>The one behaviour of this layer, where all behaviours for a command are asked for.</summary>
    private static Array? Behaviors(Type wanted, IServiceProvider services)
    {
        if (!Is(wanted, typeof(IEnumerable<>)) || !Is(wanted.GenericTypeArguments[0], typeof(IPipelineBehavior<,>)))
            return null;
        var behavior = wanted.GenericTypeArguments[0];
        // What cannot be rejected is not validated.
        if (!behavior.GenericTypeArguments[1].GetInterfaces().Any(one => Is(one, typeof(IRejectable<>))))
            return Array.CreateInstance(behavior, 0);
        var behaviors = Array.CreateInstance(behavior, 1);
        behaviors.SetValue(
            ActivatorUtilities.CreateInstance(
                services, typeof(ValidationBehavior<,>).MakeGenericType(behavior.GenericTypeArguments)),
            0);
        return behaviors;
    }

    private static bool Is(Type type, Type definition) =>
        type.IsGenericType && type.GetGenericTypeDefinition() == definition;
}
