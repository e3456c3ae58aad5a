using Aether.Application;
using Aether.Application.Pipeline;
using Aether.Domain;
using FluentValidation;
using MediatR;
using Xunit;

namespace Aether.Tests.Unit;

public sealed class ValidationBehaviorTests
{
    private int calls;

    [Fact]
    public async Task Handle_CallsNextOnce_GivenThatEveryValidatorPasses()
    {
        var expected = Outcome.Published(3);

        var outcome = await Handle(new Command("go"), expected, new NotEmpty(), new Short());

        Assert.Same(expected, outcome);
        Assert.Equal(1, calls);
    }

    [Fact]
    public async Task Handle_CallsNext_GivenNoValidator() =>
        Assert.Same(Outcome.Done, await Handle(new Command(""), Outcome.Done));

    [Fact]
    public async Task Handle_RejectsWithoutNext_GivenABrokenRule()
    {
        var outcome = await Handle(new Command("too long"), Outcome.Done, new NotEmpty(), new Short());

        Assert.Equal(new Rejection(ErrorCode.Forbidden, "must be short", "name"), outcome.Rejection);
        Assert.Equal(0, calls);
    }

    [Fact]
    public async Task Handle_TellsTheFirstRule_GivenThatSeveralAreBroken()
    {
        var outcome = await Handle(new Command(""), Outcome.Done, new Twice(), new Short(), new Throws());

        Assert.Equal(new Rejection(ErrorCode.InvalidMessage, "is required", "name"), outcome.Rejection);
        Assert.Equal(0, calls);
    }

    [Fact]
    public void Handle_CallsNextBeforeItReturns_SoThatOrderHolds()
    {
        var never = new TaskCompletionSource<Outcome>();

        var handling = new ValidationBehavior<Command, Outcome>([new NotEmpty()]).Handle(
            new Command("go"), TestContext.Current.CancellationToken, () =>
            {
                calls++;
                return never.Task;
            });

        Assert.Equal(1, calls);
        Assert.False(handling.IsCompleted);
    }

    [Fact]
    public async Task Handle_Throws_GivenARuleWithoutACodeOfOurs() =>
        await Assert.ThrowsAsync<ArgumentException>(() => Handle(new Command("x"), Outcome.Done, new NoCode()));

    private Task<Outcome> Handle(Command command, Outcome outcome, params IValidator<Command>[] validators) =>
        new ValidationBehavior<Command, Outcome>(validators).Handle(
            command, TestContext.Current.CancellationToken, () =>
            {
                calls++;
                return Task.FromResult(outcome);
            });

    internal sealed record Command(string Name) : IRequest<Outcome>;

    private sealed class NotEmpty : AbstractValidator<Command>
    {
        public NotEmpty() => RuleFor(command => command.Name).NotEmpty().WithErrorCode(ErrorCode.InvalidMessage.Name)
            .OverridePropertyName("name").WithMessage("is required");
    }

    private sealed class Short : AbstractValidator<Command>
    {
        public Short() => RuleFor(command => command.Name).Length(1, 4).WithErrorCode(ErrorCode.Forbidden.Name)
            .OverridePropertyName("name").WithMessage("must be short");
    }

    private sealed class Twice : AbstractValidator<Command>
    {
        public Twice()
        {
            Include(new NotEmpty());
            Include(new Short());
        }
    }

    private sealed class NoCode : AbstractValidator<Command>
    {
        public NoCode() => RuleFor(command => command.Name).Empty();
    }

    private sealed class Throws : AbstractValidator<Command>
    {
        public Throws() => RuleFor(command => command.Name).Must(_ => throw new InvalidOperationException());
    }
}
