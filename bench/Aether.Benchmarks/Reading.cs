using Aether.Application.Wire;
using Aether.Domain;
using BenchmarkDotNet.Attributes;

namespace Aether.Benchmarks;

/// <summary>From a frame's text to a message.</summary>
public class Reading
{
    /// <summary>A message of usual size.</summary>
    [Benchmark]
    public Message? Plain() => Read(Samples.Plain);

    /// <summary>One that is to be acknowledged.</summary>
    [Benchmark]
    public Message? WithId() => Read(Samples.WithId);

    /// <summary>One whose text is full of escapes.</summary>
    [Benchmark]
    public Message? EscapedText() => Read(Samples.Escaped);

    /// <summary>One with a payload of 16 KiB, which stays where it is.</summary>
    [Benchmark]
    public Message? LargePayload() => Read(Samples.Large);

    /// <summary>One that lacks a field.</summary>
    [Benchmark]
    public Message? RefusedIncomplete() => Read(Samples.Incomplete);

    /// <summary>One that is no JSON: the library throws.</summary>
    [Benchmark]
    public Message? RefusedTorn() => Read(Samples.Torn);

    private static Message? Read(byte[] json)
    {
        MessageReader.TryRead(json, Samples.Client, Samples.Group, out var message, out _);
        return message;
    }
}
