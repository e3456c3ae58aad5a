using System.Collections.Concurrent;
using Aether.Application;
using Aether.Application.Delivery;
using Aether.Application.FanOut;
using Aether.Application.History;
using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Domain;

namespace Aether.Tests.Unit;

/// <summary>Streams whose reads a test counts, holds up and falsifies; nothing that is appended is published.</summary>
internal sealed class FakeHistory : IMessageHistory
{
    private readonly ConcurrentDictionary<ChannelName, List<Message>> streams = new();
    private int reads;

    public string Epoch { get; set; } = "e1";

    public bool IsUnavailable { get; set; }

    public int Reads => Volatile.Read(ref reads);

    /// <summary>Messages that are no longer kept, from the front of each stream.</summary>
    public int Trimmed { get; set; }

    /// <summary>The number of what is in a stream and cannot be read; 0: none.</summary>
    public int Unreadable { get; set; }

    /// <summary>Runs before each read.</summary>
    public Func<Task> OnRead { get; set; } = () => Task.CompletedTask;

    public Action OnEndEpoch { get; set; } = () => { };

    public Func<ChannelName, Message, ValueTask<KeepResult>>? OnAppend { get; set; }

    public KeepResult Found { get; set; } = new(KeepStatus.NobodyHears);

    public ConcurrentQueue<Message> Appended { get; } = new();

    /// <summary>Keeps a message as if another instance had published it.</summary>
    public Message Keep(ChannelName channel, Message message)
    {
        var stream = streams.GetOrAdd(channel, _ => []);
        lock (stream)
        {
            var kept = message with { Position = new Position(Epoch, stream.Count + 1) };
            stream.Add(kept);
            return kept;
        }
    }

    /// <summary>Loses everything.</summary>
    public void Lose(string epoch)
    {
        streams.Clear();
        Epoch = epoch;
    }

    public ValueTask<KeepResult> AppendAsync(ChannelName channel, Message message, CancellationToken cancellationToken)
    {
        Appended.Enqueue(message);
        return OnAppend?.Invoke(channel, message)
            ?? new(new KeepResult(KeepStatus.Published, 1, Keep(channel, message).Position));
    }

    public ValueTask<KeepResult> FindAsync(
        ChannelName channel, VisionId from, string id, CancellationToken cancellationToken) => new(Found);

    public ValueTask<IReadOnlyList<Position>?> GetPositionsAsync(
        IReadOnlyList<ChannelName> channels, CancellationToken cancellationToken) =>
        new(IsUnavailable ? null : channels.Select(EndOf).ToArray());

    public ValueTask<Position?> EndEpochAsync(
        ChannelName channel, string epoch, CancellationToken cancellationToken)
    {
        OnEndEpoch();
        if (IsUnavailable)
            return new((Position?)null);
        if (epoch == Epoch)
            Lose(epoch + "x");
        return new(EndOf(channel));
    }

    /// <summary>Loses the newest messages of a channel, as a store whose copy took over.</summary>
    public void GoBack(ChannelName channel, int to)
    {
        var stream = streams[channel];
        lock (stream)
            stream.RemoveRange(to, stream.Count - to);
    }

    public async ValueTask<HistoryPage> ReadAsync(
        ChannelName channel, HistoryRange range, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref reads);
        await OnRead();
        if (IsUnavailable)
            return HistoryPage.Unavailable;
        var end = EndOf(channel);
        if (!range.After.IsEmpty && (range.After.Epoch != Epoch || range.After.Seq > end.Seq))
            return HistoryPage.Lost(HistoryStatus.Epoch, end);
        long from = range.After.IsEmpty ? Math.Max(Trimmed, range.Last > 0 ? end.Seq - range.Last : 0) : range.After.Seq;
        if (from < Trimmed || (from < Unreadable && from + range.Limit >= Unreadable))
            return HistoryPage.Lost(HistoryStatus.Trimmed, end);
        var stream = streams.GetOrAdd(channel, _ => []);
        lock (stream)
            return new(HistoryStatus.Found, end, [.. stream.Skip((int)from).Take(range.Limit)], end.At(from));
    }

    private Position EndOf(ChannelName channel)
    {
        var stream = streams.GetOrAdd(channel, _ => []);
        lock (stream)
            return new Position(Epoch, stream.Count);
    }
}

/// <summary>A hub over streams that a test falsifies.</summary>
internal sealed class KeepingHub : IDisposable
{
    public KeepingHub(FakeHistory history, TimeProvider? time = null, int capacity = 8_192, params string[] types)
    {
        var options = new RealtimeOptions();
        if (types.Length > 0)
            options.History.Types = types;
        time ??= TimeProvider.System;
        var messages = new ServerMessages(time);
        Loops = new DeliveryLoops(1, capacity);
        Services = new HistoryServices(new KeptMessages(history, options), Loops, messages, time);
        Hub = new Hub(Bus, Loops, messages, null, Services);
    }

    public SubscriptionBus Bus { get; } = new();

    public DeliveryLoops Loops { get; }

    public HistoryServices Services { get; }

    public Hub Hub { get; }

    public void Dispose() => Services.Dispose();

    public async Task<FakeConnection> AttachAsync(VisionId client, VisionId group, bool full = true, bool echo = true)
    {
        var connection = new FakeConnection(client, group, Loops.Next(), echo, full);
        if (!await Hub.AttachAsync(connection, CancellationToken.None))
            throw new InvalidOperationException("not attached");
        return connection;
    }

    /// <summary>The messages that a connection got.</summary>
    public static List<Message> Read(FakeConnection connection) => [.. connection.Frames.Select(Read)];

    public static Message Read(Frame frame)
    {
        int header = (frame.Bytes.Span[1] & 0x7f) switch { 126 => 4, 127 => 10, _ => 2 };
        return MessageReader.TryRead(
            frame.Bytes[header..], default, default, out var message, out var error, MessageOrigin.Backplane)
            ? message
            : throw new InvalidOperationException(error.ToString());
    }
}
