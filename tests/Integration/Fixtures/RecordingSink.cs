using System.Collections.Concurrent;
using System.Text;
using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Domain;

namespace Aether.Tests.Integration.Fixtures;

/// <summary>Keeps what a bus delivers, in the order in which it came.</summary>
internal sealed class RecordingSink : IMessageSink
{
    private readonly ConcurrentQueue<(ChannelName Channel, Message Message)> received = new();
    private readonly ConcurrentQueue<(DateTime Since, DateTime Told)> gaps = new();
    private int count;

    /// <summary>Whether <see cref="TryReceive"/> says that there is no room.</summary>
    public bool IsFull { get; set; }

    public int Count => Volatile.Read(ref count);

    public IReadOnlyList<(ChannelName Channel, Message Message)> Received => [.. received];

    public IReadOnlyList<DateTime> Gaps => [.. gaps.Select(gap => gap.Since)];

    /// <summary>Each gap, with when it was told.</summary>
    public IReadOnlyList<(DateTime Since, DateTime Told)> GapsTold => [.. gaps];

    /// <summary>What the messages say, in order.</summary>
    public IReadOnlyList<string?> Texts => [.. received.Select(one => one.Message.Msg)];

    public bool TryReceive(ChannelName channel, Message message)
    {
        if (IsFull)
            return false;
        received.Enqueue((channel, message));
        Interlocked.Increment(ref count);
        return true;
    }

    public ValueTask ReceiveAsync(ChannelName channel, Message message, CancellationToken cancellationToken)
    {
        TryReceive(channel, message);
        return ValueTask.CompletedTask;
    }

    public Task RepairAsync(DateTime since, bool othersMayBeMissing, CancellationToken cancellationToken)
    {
        gaps.Enqueue((since, DateTime.UtcNow));
        return Task.CompletedTask;
    }

    /// <summary>A message as the wire has it: two messages are the same when this is.</summary>
    public static string Wire(Message message) => Encoding.UTF8.GetString(MessageWriter.Write(message));
}
