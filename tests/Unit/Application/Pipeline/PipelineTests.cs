using Aether.Application;
using Aether.Application.Commands;
using Aether.Application.History;
using Aether.Application.Legacy;
using Aether.Application.Messaging;
using Aether.Application.Pipeline;
using Aether.Application.Ports;
using Aether.Application.Presence;
using Aether.Application.Wire;
using Aether.Domain;
using Aether.Domain.Commands;
using FluentValidation;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>The application layer as a host gets it, with substitutes for its ports.</summary>
public sealed class PipelineTests : IDisposable
{
    private readonly IMessageBus bus = Substitute.For<IMessageBus>();
    private readonly IPresenceStore presence = Substitute.For<IPresenceStore>();
    private readonly ServiceProvider provider;
    private readonly IMediator mediator;

    public PipelineTests()
    {
        bus.PublishAsync(default, null!, Arg.Any<CancellationToken>()).ReturnsForAnyArgs(PublishResult.To(1));
        provider = Provider(new ServiceCollection());
        mediator = provider.GetRequiredService<IMediator>();
    }

    public static TheoryData<Target> Targets => [.. Enum.GetValues<Target>()];

    public void Dispose() => provider.Dispose();

    [Theory]
    [MemberData(nameof(Targets))]
    public async Task Send_CarriesOutTheMessage_GivenEachTarget(Target target)
    {
        var message = Some.Message with { Target = target, ToId = Some.OtherClient };

        var outcome = await Send(Some.Sender(Permissions.Broadcast), message);

        Assert.Null(outcome.Rejection);
        Assert.Equal(target == Target.Echo ? 0 : 1, bus.ReceivedCalls().Count());
        Assert.Equal(target == Target.Echo ? message : null, outcome.Reply);
    }

    [Theory]
    [MemberData(nameof(Targets))]
    public async Task Send_NeverReachesAPort_GivenAnInvalidCommand(Target target)
    {
        foreach (var type in (MessageType[])[MessageType.Msg, MessageType.Cmd, MessageType.Heartbeat])
        {
            var spoofed = Some.Message with
            {
                Type = type,
                Target = target,
                FromId = Some.OtherClient,
                ToId = Some.OtherClient,
            };

            var outcome = await Send(Some.Sender(Permissions.Broadcast), spoofed);

            Assert.Same(ErrorCode.InvalidMessage, outcome.Rejection?.Code);
            Assert.Empty(bus.ReceivedCalls());
            Assert.Empty(presence.ReceivedCalls());
        }
    }

    [Fact]
    public async Task Send_NeverReachesTheStore_GivenAPageThatCannotBeHad()
    {
        var answer = await mediator.Send(
            new ReadRoster(Some.Group, new RosterQuery { Limit = 501 }), TestContext.Current.CancellationToken);

        Assert.Equal("limit", answer.Rejection?.Field);
        Assert.Empty(presence.ReceivedCalls());
    }

    [Fact]
    public async Task Send_ReachesTheBusInOrder_GivenThatNobodyWaitsInBetween()
    {
        var pending = new List<TaskCompletionSource<PublishResult>>();
        var published = new List<string?>();
        var waiting = new FakeBus((message, _) =>
        {
            published.Add(message.Id);
            pending.Add(new(TaskCreationOptions.RunContinuationsAsynchronously));
            return new ValueTask<PublishResult>(pending[^1].Task);
        });
        string[] ids = [.. Enumerable.Range(0, 100).Select(i => $"m{i}")];

        using var own = Provider(new ServiceCollection(), waiting);
        var sends = ids.Select((id, i) => Send(own, Some.Sender(Permissions.Broadcast), Some.Message with
        {
            Id = id,
            Target = (Target)(i % 3),
            ToId = Some.OtherClient,
        })).ToList();

        // Each had reached the bus before its Send returned, and none has been answered.
        Assert.Equal(ids, published);
        Assert.All(sends, send => Assert.False(send.IsCompleted));
        pending.ForEach(answer => answer.SetResult(PublishResult.To(7)));
        Assert.All(await Task.WhenAll(sends), outcome => Assert.Equal(7, outcome.Instances));
    }

    [Fact]
    public void Container_HasAHandler_AndRulesForWhateverCouldBeWrong_GivenEachCommand()
    {
        Type[] commands =
        [
            .. typeof(IMessageCommand).Assembly.GetTypes()
                .Where(type => type is { IsAbstract: false, IsInterface: false } && ResponseOf(type) is not null),
        ];
        Assert.Superset(
            new HashSet<Type>
            {
                typeof(Publish), typeof(Heartbeat), typeof(Join), typeof(Leave),
            },
            commands.ToHashSet());
        foreach (var command in commands)
        {
            var response = ResponseOf(command)!;
            Assert.Single(provider.GetServices(typeof(IRequestHandler<,>).MakeGenericType(command, response)));
            // Never two, or what all messages have in common would be checked twice.
            Assert.Equal(
                NeedsRules(command) ? 1 : 0,
                provider.GetServices(typeof(IValidator<>).MakeGenericType(command)).Count());
            Assert.Single(provider.GetServices(typeof(IPipelineBehavior<,>).MakeGenericType(command, response)));
        }
    }

    [Fact]
    public void AddAetherApplication_RegistersSingletonsOnly_SoThatADispatchNeedsNoScope()
    {
        var services = new ServiceCollection().AddAetherApplication();
        Assert.NotEmpty(services);
        Assert.All(services, service => Assert.Equal(ServiceLifetime.Singleton, service.Lifetime));
        Assert.Same(
            provider.GetRequiredService<IRequestHandler<Publish, Outcome>>(),
            provider.GetRequiredService<IRequestHandler<Publish, Outcome>>());
    }

    [Fact]
    public void AddAetherApplication_ChangesNothing_GivenASecondCall()
    {
        var services = new ServiceCollection().AddAetherApplication();
        int count = services.Count;
        Assert.Equal(count, services.AddAetherApplication().Count);
    }

    [Fact]
    public void AddAetherApplication_KeepsTheHostsClock_GivenOne()
    {
        var time = new FakeTimeProvider();
        using var own = Provider(new ServiceCollection().AddSingleton<TimeProvider>(time));
        Assert.Same(time, own.GetRequiredService<TimeProvider>());
        Assert.Same(TimeProvider.System, provider.GetRequiredService<TimeProvider>());
        var ack = own.GetRequiredService<ServerMessages>().Ack(Some.Client, Some.Group, "m1", Outcome.Published(1));
        Assert.Equal(time.GetUtcNow().UtcDateTime, ack.SentAt);
    }

    [Fact]
    public void Container_SkipsTheValidation_GivenAHostsOwnRequest()
    {
        // The behaviour is an open generic: a request whose result cannot say no must still be sendable.
        Assert.Empty(provider.GetServices<IPipelineBehavior<HostsOwn, string>>());
        Assert.IsType<ValidationBehavior<Publish, Outcome>>(
            Assert.Single(provider.GetServices<IPipelineBehavior<Publish, Outcome>>()));
    }

    [Theory]
    [InlineData(typeof(Join), false)]
    [InlineData(typeof(ReadInstances), false)]
    [InlineData(typeof(CancelCommand), false)]
    [InlineData(typeof(Publish), true)]
    [InlineData(typeof(ReadMessages), true)]
    [InlineData(typeof(HostsOwn), false)]
    [InlineData(typeof(Unchecked), true)]
    [InlineData(typeof(Spoken), true)]
    public void NeedsRules_LooksAtWhatARequestHolds(Type request, bool needs) => Assert.Equal(needs, NeedsRules(request));

    /// <summary>
    /// Whether a request holds something that could be wrong: a message, whose sender may not send it, or a number or a
    /// text that nobody has looked at. What cannot hold a bad value, or was made by a reader, needs no rule.
    /// </summary>
    private static bool NeedsRules(Type request) =>
        request.IsAssignableTo(typeof(IMessageCommand))
        || request.GetConstructors().SelectMany(constructor => constructor.GetParameters())
            .Any(parameter => !IsSound(parameter.ParameterType) && !IsLookedUp(request, parameter.Name!));

    private static bool IsSound(Type type) =>
        SoundTypes.Contains(Nullable.GetUnderlyingType(type) ?? type) || (Nullable.GetUnderlyingType(type) ?? type).IsEnum;

    // A command is found by its id, or is not; a term is compared; names of connections and requests are the caller's own;
    // and for how long somebody waits was read with its bounds.
    private static bool IsLookedUp(Type request, string name) => (request.Name, name) is
        (_, "CommandId" or "Id" or "Term" or "SupersededBy" or "RequestId" or "After")
        or (nameof(ReadCommandChanges), "Wait");

    private static readonly Type[] SoundTypes =
    [
        typeof(VisionId), typeof(ChannelName), typeof(Position), typeof(Sender), typeof(CommandSpecification),
        typeof(ExecutionReport), typeof(LeaseClaim), typeof(LegacyMessage), typeof(IReadOnlyCollection<VisionId>),
        typeof(Func<bool>), typeof(CancellationToken),
    ];

    private static Type? ResponseOf(Type command) => command.GetInterfaces()
        .SingleOrDefault(type => type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IRequest<>))
        ?.GetGenericArguments()[0];

    private ServiceProvider Provider(IServiceCollection services, IMessageBus? other = null) => services
        .AddAetherApplication()
        .AddSingleton(other ?? bus)
        .AddSingleton(presence)
        .AddSingleton(Substitute.For<ILegacyBus>())
        .AddSingleton(Substitute.For<ICommandStore>())
        .AddSingleton(Substitute.For<ILeaseStore>())
        .AddSingleton(Substitute.For<IRevocationStore>())
        .BuildServiceProvider(new ServiceProviderOptions { ValidateOnBuild = true, ValidateScopes = true });

    private Task<Outcome> Send(Sender sender, Message message) => Send(provider, sender, message);

    private static Task<Outcome> Send(ServiceProvider provider, Sender sender, Message message) =>
        provider.GetRequiredService<IMediator>()
            .Send(MessageCommands.From(sender, message), TestContext.Current.CancellationToken);

    internal sealed record HostsOwn : IRequest<string>;

    internal sealed record Unchecked(VisionId GroupId, int Count) : IRequest<Outcome>;

    internal sealed record Spoken(Sender Sender) : IMessageCommand
    {
        public Message Message => Some.Message;
    }
}
