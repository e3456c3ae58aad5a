using System.Collections.Concurrent;
using System.Security.Cryptography;
using Aether.Application;
using Aether.Application.Ports;
using Aether.Domain;

namespace Aether.Infrastructure.InMemory;

/// <summary>
/// What is kept within one process. Each stream has its lock, under which a message is numbered, kept and given to the
/// sink: the order in the stream is the order that everybody hears.
/// </summary>
internal sealed class InMemoryMessageHistory(
    InMemoryChannels channels, InMemoryLeaseStore leases, HistoryOptions options, TimeProvider time) : IMessageHistory
{
    private const int EpochLength = 10;
    private const string EpochLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    private static readonly TimeSpan SweepEvery = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<ChannelName, InMemoryStream> streams = new();
    private readonly Lock sweeping = new();

    // One for all streams that begin until one is forgotten: what is forgotten and begins again has another one.
    private volatile string epoch = NewEpoch();
    private long sweptAt = time.GetTimestamp();

    public ValueTask<KeepResult> AppendAsync(
        ChannelName channel, Message message, CancellationToken cancellationToken) =>
        message.Lease is { } claim && channel.Kind == ChannelKind.Group
            ? AppendUnderAsync(claim, channel, message)
            : AppendAsync(channel, message);

    private ValueTask<KeepResult> AppendAsync(ChannelName channel, Message message)
    {
        Sweep();
        KeepResult result;
        ValueTask received = default;
        var stream = Enter(channel);
        lock (stream)
        {
            Expire(stream);
            if (message.Id is not null && stream.TryFind(message.FromId, message.Id, out var first))
                return new(new KeepResult(KeepStatus.Duplicate, 0, first));
            bool isHeard = channels.TryGetSink(channel, out var sink);
            if (!isHeard && channel.Kind == ChannelKind.Client)
                return new(new KeepResult(KeepStatus.NobodyHears));
            var kept = stream.Append(message, time.GetTimestamp(), options.Messages);
            // Whoever gave up waiting has a message that is kept all the same, and must be heard.
            if (isHeard)
                received = sink!.ReceiveAsync(channel, kept, CancellationToken.None);
            result = new KeepResult(KeepStatus.Published, isHeard ? 1 : 0, kept.Position);
        }
        if (!received.IsCompletedSuccessfully)
            return WaitAsync(received, result);
        received.GetAwaiter().GetResult();
        return new(result);
    }

    public ValueTask<KeepResult> FindAsync(
        ChannelName channel, VisionId from, string id, CancellationToken cancellationToken) =>
        new(Find(channel, from, id) ?? new KeepResult(KeepStatus.NobodyHears));

    public ValueTask<IReadOnlyList<Position>?> GetPositionsAsync(
        IReadOnlyList<ChannelName> channels, CancellationToken cancellationToken)
    {
        Sweep();
        var ends = new Position[channels.Count];
        for (int i = 0; i < ends.Length; i++)
        {
            var stream = Enter(channels[i]);
            lock (stream)
                ends[i] = stream.End;
        }
        return new(ends);
    }

    public ValueTask<Position?> EndEpochAsync(
        ChannelName channel, string epoch, CancellationToken cancellationToken)
    {
        var stream = Enter(channel);
        if (stream.End.Epoch == epoch)
            Forget(channel, stream);
        return new(Enter(channel).End);
    }

    public ValueTask<HistoryPage> ReadAsync(
        ChannelName channel, HistoryRange range, CancellationToken cancellationToken)
    {
        var stream = Enter(channel);
        lock (stream)
        {
            Expire(stream);
            return new(stream.Read(range, options.Messages));
        }
    }

    /// <summary>
    /// Finds a stream, or begins one. It is not forgotten soon: the caller has time to lock it again.
    /// </summary>
    private InMemoryStream Enter(ChannelName channel)
    {
        while (true)
        {
            var stream = streams.GetOrAdd(channel, static (_, self) => new InMemoryStream(self.epoch), this);
            lock (stream)
            {
                if (!IsOver(stream))
                {
                    stream.UsedAt = time.GetTimestamp();
                    return stream;
                }
            }
            Forget(channel, stream);
        }
    }

    private bool IsOver(InMemoryStream stream) =>
        stream.UsedAt != 0 && time.GetElapsedTime(stream.UsedAt) > options.Remember;

    private void Forget(ChannelName channel, InMemoryStream stream)
    {
        epoch = NewEpoch();
        streams.TryRemove(new(channel, stream));
    }

    /// <summary>Lets go of what is over, once in a while.</summary>
    private void Sweep()
    {
        if (time.GetElapsedTime(Volatile.Read(ref sweptAt)) < SweepEvery || !sweeping.TryEnter())
            return;
        try
        {
            Volatile.Write(ref sweptAt, time.GetTimestamp());
            foreach (var (channel, stream) in streams)
            {
                bool isOver;
                lock (stream)
                {
                    Expire(stream);
                    isOver = IsOver(stream);
                }
                if (isOver)
                    Forget(channel, stream);
            }
        }
        finally
        {
            sweeping.Exit();
        }
    }

    private void Expire(InMemoryStream stream) =>
        stream.Expire(time.GetTimestamp() - (long)(options.Ttl.Value.TotalSeconds * time.TimestampFrequency));

    private ValueTask<KeepResult> AppendUnderAsync(LeaseClaim claim, ChannelName channel, Message message)
    {
        Task<KeepResult>? appended = null;
        if (leases.TryUnder(channel.Id, claim, message.FromId, () => appended = AppendAsync(channel, message).AsTask()))
            return new(appended!);
        // What was kept while its sender held the lease was kept, whoever holds it now.
        var first = message.Id is null ? null : Find(channel, message.FromId, message.Id);
        return new(first ?? new KeepResult(KeepStatus.StaleTerm));
    }

    private KeepResult? Find(ChannelName channel, VisionId from, string id)
    {
        if (!streams.TryGetValue(channel, out var stream))
            return null;
        lock (stream)
        {
            Expire(stream);
            return stream.TryFind(from, id, out var first) ? new KeepResult(KeepStatus.Duplicate, 0, first) : null;
        }
    }

    private static string NewEpoch() => RandomNumberGenerator.GetString(EpochLetters, EpochLength);

    private static async ValueTask<KeepResult> WaitAsync(ValueTask received, KeepResult result)
    {
        await received.ConfigureAwait(false);
        return result;
    }
}
