using System.Reflection;
using Mono.Cecil;
using MethodBody = Mono.Cecil.Cil.MethodBody;

namespace Aether.Tests.Unit;

/// <summary>
/// Finds namespaces of one assembly that know each other, directly or around some corners. A namespace and the one it
/// lies in are two. What counts is what the compiler has left in the assembly: signatures, bodies, generic arguments,
/// attributes, and not a constant or a name in a comment.
/// </summary>
internal static class NamespaceCycles
{
    /// <summary>Every step of every cycle, with the types that take it; none if there is no cycle.</summary>
    /// <param name="assembly">Where to look.</param>
    /// <param name="root">
    /// The type that puts everything together, by its full name. It counts for itself and not for its namespace, so it
    /// may know all the others as long as they do not know it.
    /// </param>
    /// <param name="within">The namespace to look into, with those in it; empty: all.</param>
    public static IReadOnlyList<string> Find(Assembly assembly, string root, string within = "")
    {
        using var module = ModuleDefinition.ReadModule(assembly.Location);
        var steps = new SortedDictionary<(string From, string To), SortedSet<string>>();
        foreach (var type in module.Types.Where(type => IsWithin(type, within)))
        {
            string from = NodeOf(type, root);
            foreach (var used in UsesOf(type).SelectMany(PartsOf).OfType<TypeDefinition>().Select(Outermost))
            {
                string to = NodeOf(used, root);
                if (from == to || !IsWithin(used, within))
                    continue;
                if (!steps.TryGetValue((from, to), out var takers))
                    steps[(from, to)] = takers = new SortedSet<string>(StringComparer.Ordinal);
                takers.Add(type.Name + " > " + used.Name);
            }
        }
        var next = steps.Keys.ToLookup(step => step.From, step => step.To);
        return
        [
            .. steps.Where(step => Reaches(step.Key.To, step.Key.From, next))
                .Select(step => $"{step.Key.From} > {step.Key.To}: {string.Join(", ", step.Value)}"),
        ];
    }

    private static bool Reaches(string start, string goal, ILookup<string, string> next)
    {
        var seen = new HashSet<string> { start };
        var open = new Stack<string>(seen);
        while (open.TryPop(out string? node))
        {
            if (node == goal)
                return true;
            foreach (string one in next[node].Where(seen.Add))
                open.Push(one);
        }
        return false;
    }

    // What the compiler makes for itself has a name that starts so, and no namespace.
    private static bool IsWithin(TypeDefinition type, string within) =>
        !type.Name.StartsWith('<')
        && (within.Length == 0 || type.Namespace == within
            || type.Namespace.StartsWith(within + ".", StringComparison.Ordinal));

    private static string NodeOf(TypeDefinition type, string root) =>
        type.FullName == root ? root : type.Namespace;

    private static TypeDefinition Outermost(TypeDefinition type) =>
        type.DeclaringType is { } outer ? Outermost(outer) : type;

    private static IEnumerable<TypeReference?> UsesOf(TypeDefinition type) =>
    [
        type.BaseType,
        .. type.Interfaces.Select(one => one.InterfaceType),
        .. type.GenericParameters.SelectMany(UsesOf),
        .. type.CustomAttributes.SelectMany(UsesOf),
        .. type.Fields.SelectMany(field => field.CustomAttributes.SelectMany(UsesOf).Append(field.FieldType)),
        .. type.Properties.SelectMany(one => one.CustomAttributes.SelectMany(UsesOf).Append(one.PropertyType)),
        .. type.Events.SelectMany(one => one.CustomAttributes.SelectMany(UsesOf).Append(one.EventType)),
        .. type.Methods.SelectMany(UsesOf),
        .. type.NestedTypes.SelectMany(UsesOf),
    ];

    private static IEnumerable<TypeReference?> UsesOf(MethodDefinition method) =>
    [
        .. UsesOf((MethodReference)method),
        .. method.GenericParameters.SelectMany(UsesOf),
        .. method.CustomAttributes.SelectMany(UsesOf),
        .. method.MethodReturnType.CustomAttributes.SelectMany(UsesOf),
        .. method.Parameters.SelectMany(one => one.CustomAttributes).SelectMany(UsesOf),
        .. method.HasBody ? UsesOf(method.Body) : [],
    ];

    private static IEnumerable<TypeReference?> UsesOf(MethodBody body) =>
    [
        .. body.Variables.Select(one => one.VariableType),
        .. body.ExceptionHandlers.Select(one => one.CatchType),
        .. body.Instructions.SelectMany(instruction => instruction.Operand switch
        {
            TypeReference type => [type],
            FieldReference field => [field.DeclaringType, field.FieldType],
            MethodReference method => UsesOf(method),
            _ => Enumerable.Empty<TypeReference?>(),
        }),
    ];

    private static IEnumerable<TypeReference?> UsesOf(MethodReference method) =>
    [
        method.DeclaringType,
        method.ReturnType,
        .. method.Parameters.Select(one => one.ParameterType),
        .. method is GenericInstanceMethod generic ? generic.GenericArguments : Enumerable.Empty<TypeReference>(),
    ];

    private static IEnumerable<TypeReference?> UsesOf(GenericParameter parameter) =>
        parameter.Constraints.Select(one => one.ConstraintType);

    private static IEnumerable<TypeReference?> UsesOf(CustomAttribute attribute) =>
    [
        attribute.AttributeType,
        .. attribute.ConstructorArguments.SelectMany(UsesOf),
        .. attribute.Properties.Concat(attribute.Fields).SelectMany(named => UsesOf(named.Argument)),
    ];

    private static IEnumerable<TypeReference?> UsesOf(CustomAttributeArgument argument) => argument.Value switch
    {
        TypeReference type => [argument.Type, type],
        CustomAttributeArgument boxed => UsesOf(boxed),
        CustomAttributeArgument[] several => several.SelectMany(UsesOf).Append(argument.Type),
        _ => [argument.Type],
    };

    /// <summary>The types that a spelled-out type is made of.</summary>
    private static IEnumerable<TypeReference> PartsOf(TypeReference? type) => type switch
    {
        null or GenericParameter => [],
        GenericInstanceType generic => generic.GenericArguments.SelectMany(PartsOf).Append(generic.ElementType),
        IModifierType modified => PartsOf(modified.ModifierType).Concat(PartsOf(modified.ElementType)),
        TypeSpecification made => PartsOf(made.ElementType),
        _ => [type],
    };
}
