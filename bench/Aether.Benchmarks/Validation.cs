using Aether.Application;
using Aether.Application.Messaging;
using Aether.Application.Pipeline;
using BenchmarkDotNet.Attributes;
using MediatR;

namespace Aether.Benchmarks;

/// <summary>The step that every command passes before its handler.</summary>
public class Validation
{
    private static readonly Task<Outcome> Done = Task.FromResult(Outcome.Done);
    private static readonly RequestHandlerDelegate<Outcome> Next = static () => Done;
    private static readonly Publish Good = new(Samples.Sender, Samples.Read(Samples.Plain));
    private static readonly Publish Bad =
        new(Samples.Sender, Good.Message with { GroupId = Samples.OtherGroup });

    private readonly ValidationBehavior<Publish, Outcome> behavior = new([new PublishValidator()]);

    /// <summary>A command that obeys every rule.</summary>
    [Benchmark]
    public Task<Outcome> Passes() => behavior.Handle(Good, CancellationToken.None, Next);

    /// <summary>A command that breaks one.</summary>
    [Benchmark]
    public Task<Outcome> Refuses() => behavior.Handle(Bad, CancellationToken.None, Next);
}
