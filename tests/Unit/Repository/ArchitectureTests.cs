using System.Reflection;
using Aether.Application;
using Aether.Application.Messaging;
using Aether.Domain;
using MediatR;
using Mono.Cecil;
using Mono.Cecil.Cil;
using NetArchTest.Rules;
using StackExchange.Redis;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>
/// Dependencies point inward. Each rule is also run over something that breaks it: a rule that looks at the wrong
/// types, or at none, would pass for ever.
/// </summary>
public sealed class ArchitectureTests
{
    private const string Mediator = "MediatR";
    private const string Validation = "FluentValidation";
    private const string Redis = "StackExchange.Redis";
    private const string AspNetCore = "Microsoft.AspNetCore";
    private const string Controls = "Aether.Tests.Unit.Breaking.";

    private static readonly Assembly DomainAssembly = typeof(VisionId).Assembly;
    private static readonly Assembly ApplicationAssembly = typeof(Outcome).Assembly;
    private static readonly Assembly InfrastructureAssembly = typeof(Infrastructure.Redis.RedisNames).Assembly;
    private static readonly Assembly ApiAssembly = typeof(Aether.Api.Hosting.OpenFiles).Assembly;
    private static readonly Assembly Tests = typeof(ArchitectureTests).Assembly;

    private static readonly string[] DomainMayNotUse =
        ["Aether.Application", "Aether.Infrastructure", "Aether.Api", Mediator, Validation, Redis, AspNetCore];

    private static readonly string[] ApplicationMayNotUse =
        ["Aether.Infrastructure", "Aether.Api", Redis, AspNetCore];

    private static readonly string[] InfrastructureMayNotUse = ["Aether.Api", AspNetCore];

    public static TheoryData<Assembly, string[]> Layers => new()
    {
        { DomainAssembly, DomainMayNotUse },
        { ApplicationAssembly, ApplicationMayNotUse },
        { InfrastructureAssembly, InfrastructureMayNotUse },
    };

    /// <summary>Each thing that a layer may not use, with a type that does use it.</summary>
    public static TheoryData<string, Type> Breaches => new()
    {
        { "Aether.Application", typeof(Infrastructure.Redis.RedisNames) },
        { "Aether.Infrastructure", typeof(Breaking.UsesInfrastructure) },
        { "Aether.Api", typeof(Aether.Api.Controls.UsesItself) },
        { Mediator, typeof(Publish) },
        { Validation, typeof(PublishValidator) },
        { Redis, typeof(Infrastructure.Redis.RedisNames) },
        { AspNetCore, typeof(Breaking.UsesAspNetCore) },
    };

    /// <summary>The projects whose namespaces know each other one way: all.</summary>
    public static TheoryData<Assembly> Projects =>
        [DomainAssembly, ApplicationAssembly, InfrastructureAssembly, ApiAssembly];

    /// <summary>Each way for namespaces to know each other, as steps from one to another.</summary>
    public static TheoryData<string, string[]> Cycles => new()
    {
        {
            "InSignatures",
            [
                "InSignatures > InSignatures.Under: IAbove > IBelow",
                "InSignatures.Under > InSignatures: IBelow > IAbove",
            ]
        },
        { "InABody", BothWays("InABody") },
        { "InALambda", BothWays("InALambda") },
        { "InAnArgument", BothWays("InAnArgument") },
        { "InACall", BothWays("InACall") },
        { "InAnAttribute", BothWays("InAnAttribute") },
        {
            "AroundACorner",
            [
                "AroundACorner > AroundACorner.Under: Above > Below",
                "AroundACorner.Beside > AroundACorner: Corner > Above",
                "AroundACorner.Under > AroundACorner.Beside: Below > Corner",
            ]
        },
        { "NoCycle", [] },
        { "PutTogether", [] },
        {
            "RootIsKnown",
            [
                "RootIsKnown.Root > RootIsKnown.Under: Root > Below",
                "RootIsKnown.Under > RootIsKnown.Root: Below > Root",
            ]
        },
    };

    [Theory]
    [MemberData(nameof(Layers), DisableDiscoveryEnumeration = true)]
    public void Layer_UsesNothingFurtherOut_GivenEachLayer(Assembly layer, string[] mayNotUse) =>
        AssertNone(FailingTypes(Types.InAssembly(layer).That().HaveNameMatching(".*"), mayNotUse));

    [Theory]
    [MemberData(nameof(Breaches), DisableDiscoveryEnumeration = true)]
    public void Layer_Fails_GivenATypeThatUsesWhatItMayNot(string used, Type breaking)
    {
        var (selected, failing) = FailingTypes(
            Types.InAssembly(breaking.Assembly).That().HaveNameMatching($"^{breaking.Name}$"), [used]);
        Assert.Equal(1, selected);
        Assert.Equal([breaking.FullName], failing);
    }

    [Fact]
    public void Layers_AreControlled_ForEachThingTheyMayNotUse() =>
        Assert.Superset(
            DomainMayNotUse.Concat(ApplicationMayNotUse).Concat(InfrastructureMayNotUse).ToHashSet(),
            Breaches.Select(row => row.Data.Item1).ToHashSet());

    [Fact]
    public void Handlers_AreSealedAndNamedHandler_GivenAllOfThem()
    {
        var (selected, failing) = BadHandlers(ApplicationAssembly);
        Assert.InRange(selected, 7, int.MaxValue);
        Assert.Empty(failing);
    }

    [Fact]
    public void Handlers_Fail_GivenOneThatIsOpenAndOneWithAnotherName()
    {
        var (_, failing) = BadHandlers(Tests);
        Assert.Equal(
            [typeof(Breaking.HandlesAndIsSealed).FullName, typeof(Breaking.OpenHandler).FullName], failing.Order());
    }

    [Fact]
    public void RedisNames_AreBuiltInOnePlace_GivenAllOfInfrastructure()
    {
        var selected = Types.InAssembly(InfrastructureAssembly).That().HaveNameMatching(".*");
        Assert.Equal([typeof(Infrastructure.Redis.RedisNames).FullName], Builders(selected));
    }

    [Fact]
    public void RedisNames_Fail_GivenTypesThatBuildKeysAndChannels() =>
        Assert.Equal(
            [
                typeof(Breaking.BuildsAChannel).FullName,
                typeof(Breaking.BuildsAKey).FullName,
                typeof(Breaking.BuildsAKeyLater).FullName,
            ],
            Builders(Types.InAssembly(Tests).That().HaveNameMatching(".*")));

    [Theory]
    [MemberData(nameof(Projects), DisableDiscoveryEnumeration = true)]
    public void Namespaces_KnowEachOtherOneWay_GivenEachProject(Assembly project)
    {
        var steps = NamespaceCycles.Find(project, project.GetName().Name + ".DependencyInjection");
        Assert.True(steps.Count == 0, string.Join('\n', steps));
    }

    [Theory]
    [MemberData(nameof(Cycles))]
    public void Namespaces_Fail_GivenSomeThatKnowEachOther(string control, string[] steps) =>
        Assert.Equal(
            steps,
            NamespaceCycles.Find(Tests, Controls + control + ".Root", Controls + control)
                .Select(step => step.Replace(Controls, "", StringComparison.Ordinal)));

    private static string[] BothWays(string control) =>
        [$"{control} > {control}.Under: Above > Below", $"{control}.Under > {control}: Below > Above"];

    private static (int Selected, string?[] Failing) FailingTypes(PredicateList types, string[] mayNotUse)
    {
        int selected = types.GetTypes().Count();
        var result = types.ShouldNot().HaveDependencyOnAny(mayNotUse).GetResult();
        return (selected, [.. (result.FailingTypes ?? []).Select(type => type.FullName)]);
    }

    private static void AssertNone((int Selected, string?[] Failing) result)
    {
        Assert.InRange(result.Selected, 1, int.MaxValue);
        Assert.Empty(result.Failing);
    }

    private static (int Selected, string?[] Failing) BadHandlers(Assembly assembly)
    {
        var handlers = Types.InAssembly(assembly).That().MeetCustomRule(new IsHandler());
        var result = handlers.Should().BeSealed().And().HaveNameEndingWith("Handler").GetResult();
        return (handlers.GetTypes().Count(), [.. (result.FailingTypes ?? []).Select(type => type.FullName)]);
    }

    private static string?[] Builders(PredicateList types) =>
        [.. types.And().MeetCustomRule(new BuildsRedisNames()).GetTypes().Select(type => type.FullName).Order()];

    /// <summary>NetArchTest compares interfaces by their full name, in which a generic one has its arguments.</summary>
    private sealed class IsHandler : ICustomRule
    {
        public bool MeetsRule(TypeDefinition type) => !type.IsAbstract
            && type.Interfaces.Any(implemented =>
                implemented.InterfaceType.GetElementType().FullName == typeof(IRequestHandler<,>).FullName);
    }

    /// <summary>Whether a type, or what became of its lambdas and awaits, makes a key or a channel of text.</summary>
    private sealed class BuildsRedisNames : ICustomRule
    {
        public bool MeetsRule(TypeDefinition type) =>
            type.Methods.Where(method => method.HasBody).SelectMany(method => method.Body.Instructions).Any(Builds)
            || type.NestedTypes.Where(nested => nested.Name.StartsWith('<')).Any(MeetsRule);

        private static bool Builds(Instruction instruction) =>
            instruction.Operand is MethodReference { Parameters: [var first, ..] } method
            && (method.DeclaringType.FullName == typeof(RedisKey).FullName
                || method.DeclaringType.FullName == typeof(RedisChannel).FullName)
            && method.Name is "op_Implicit" or ".ctor" or "Literal" or "Sharded" or "Pattern" or "KeySpace" or "Append"
                or "Prepend"
            && first.ParameterType.FullName is "System.String" or "System.Byte[]";
    }
}
