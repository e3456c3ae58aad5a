using Aether.Application;
using Aether.Application.Delivery;
using Aether.Application.Wire;
using Aether.Domain;
using BenchmarkDotNet.Attributes;

namespace Aether.Benchmarks;

/// <summary>From a message to what goes to the backplane, and to the frame that all its receivers share.</summary>
public class Writing
{
    private static readonly Message PlainMessage = Samples.Read(Samples.Plain);
    private static readonly Message EscapedMessage = Samples.Read(Samples.Escaped);
    private static readonly Message LargeMessage = Samples.Read(Samples.Large);
    private readonly ServerMessages messages = new(TimeProvider.System);

    /// <summary>A message of usual size.</summary>
    [Benchmark]
    public byte[] Plain() => MessageWriter.Write(PlainMessage);

    /// <summary>One whose text has to be escaped.</summary>
    [Benchmark]
    public byte[] EscapedText() => MessageWriter.Write(EscapedMessage);

    /// <summary>One with a payload of 16 KiB.</summary>
    [Benchmark]
    public byte[] LargePayload() => MessageWriter.Write(LargeMessage);

    /// <summary>The frame of a message of usual size.</summary>
    [Benchmark]
    public object PlainFrame() => Frame.Of(PlainMessage);

    /// <summary>The frame of a message with a payload of 16 KiB.</summary>
    [Benchmark]
    public object LargeFrame() => Frame.Of(LargeMessage);

    private static readonly Outcome Taken = Outcome.Published(2);

    /// <summary>The frame that acknowledges a message.</summary>
    [Benchmark]
    public object AckFrame() => Frame.Of(messages.Ack(Samples.Client, Samples.Group, "m-000123", Taken));
}
